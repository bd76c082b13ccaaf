"""Asks for places in a club session: everything that must be true is checked and written in one transaction (DESIGN §6
"Register").

Called by the checkout service (which then leaves for Stripe) and by the staff's pages. No network here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Order, Registration
from ..models.columns import new_reference
from ..queries import club_sessions, memberships, questions
from ..queries.memberships import Standing
from ..rules import capacity, money, pricing
from ..rules import questions as question_rules
from ..rules.memberships import PlanNotOnSale
from ..rules.refusals import InvalidInput, Refusal, SessionCancelled, SessionFull, SessionNotFound, WaitlistNotAccepted, words
from ..rules.statuses import ACTIVE, Entry, ItemKind, PaymentState, RegistrationStatus, SessionStatus, WaitlistPayment
from ..transaction import retried, transaction
from . import audit, letters, membership_sales, order_lines, orders, places, resale, waitlist
from .membership_sales import Sale
from .order_lines import PricedLine


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks for what. ``known_orders``: tokens of orders this very browser made; ``attempt``: the form's one-time key."""

    name: str
    email: str
    places: int
    expected_price_cents: int | None
    attempt: str
    accept_waitlist: bool = False
    user_id: int | None = None
    known_orders: tuple[str, ...] = ()
    expected_total_cents: int | None = None
    """What the page showed for the whole order, if it showed that."""
    join_plan: str = ""
    """The slug of a membership plan to buy with it (join and book)."""
    answers: Mapping[str, object] | None = field(default_factory=dict)
    """What was answered to the session's questions, by key; None when the committee books and nobody was asked."""
    asked: Entry | None = None
    """Whether the page offered to register or to apply; None: it did not say."""

    @property
    def actor(self) -> str:
        return audit.by_user(self.user_id) if self.user_id else audit.GUEST


class Outcome(StrEnum):
    TO_PAY = "to_pay"
    REGISTERED = "registered"
    WAITLISTED = "waitlisted"
    APPLIED = "applied"
    RESUMED = "resumed"
    ALREADY_IN = "already_in"


OUTCOMES = {
    RegistrationStatus.REGISTERED: Outcome.REGISTERED,
    RegistrationStatus.WAITLISTED: Outcome.WAITLISTED,
    RegistrationStatus.UNDER_REVIEW: Outcome.APPLIED,
}
LETTERS = {
    RegistrationStatus.REGISTERED: "confirmation",
    RegistrationStatus.WAITLISTED: "waitlisted",
    RegistrationStatus.UNDER_REVIEW: "applied",
}
"""What is said of a booking with which nothing is to be paid now."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What asking led to. ``payment_id`` when a Checkout is to be opened; no ``order_token`` for a stranger (ALREADY_IN)."""

    outcome: Outcome
    order_token: str = ""
    payment_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked and found while the rules were checked."""

    club_session: ClubSession
    applicant: Applicant
    is_member: bool
    quote: pricing.Quote
    sale: Sale | None
    """The membership bought with it."""
    answers: dict[str, dict[str, Any]]
    now: datetime

    @property
    def total_cents(self) -> int:
        return self.quote.total_cents + (self.sale.price.cents if self.sale else 0)


@retried
def register(slug: str, applicant: Applicant) -> Entered:
    """Take places (or a waitlist spot) and write everything about them, or raise the Refusal that says why not."""
    now = clock.now()
    with transaction() as db:
        if again := orders.token_of_attempt(db, applicant.attempt):
            return Entered(Outcome.RESUMED, again)
        club_session = db.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
        if club_session is None:
            raise SessionNotFound
        if already := _already_in(db, club_session, applicant, now):
            return already
        standing = memberships.standing(db, applicant.user_id, applicant.email, now)
        window = capacity.Window(
            club_session.status, club_session.entry, club_session.starts_at,
            club_session.opens_at, club_session.members_open_at, club_session.closes_at,
        )  # fmt: skip
        capacity.check_open(window, now, is_member=standing.is_member, asked=applicant.asked)
        capacity.check_places(applicant.places, club_session.max_places)
        answers = answered(db, club_session.id, applicant.answers)
        asked = _priced(db, club_session, applicant, standing, answers, now)
        try:
            decision = _enter(db, club_session, applicant)
        except Refusal:
            # Who was faster may have been this very person, by a second press: on PostgreSQL their row is seen only now.
            if already := _already_in(db, club_session, applicant, now):
                return already
            raise
        return _write(db, asked, decision)


def answered(db: Session, club_session_id: int, given: Mapping[str, object] | None) -> dict[str, dict[str, Any]]:
    """The answers as they are kept, for everybody who asks for a place. Raises AnswerRefused; None given: nobody was asked."""
    return {} if given is None else question_rules.frozen(questions.of_session(db, club_session_id), given)


def _already_in(db: Session, club_session: ClubSession, applicant: Applicant, now: datetime) -> Entered | None:
    """One active registration for each session and address. Its own browser resumes; anybody else gets a mail, no answer."""
    row = db.execute(
        select(Order.id, Order.token, Order.attempt, Registration.user_id)
        .join(Registration, Registration.order_id == Order.id)
        .where(
            Registration.club_session_id == club_session.id,
            Registration.email == applicant.email,
            Registration.status.in_(ACTIVE),
        )
    ).first()
    if row is None:
        return None
    same_form = row.attempt == applicant.attempt  # committed since `_same_form_again` looked
    if same_form or row.token in applicant.known_orders or (row.user_id is not None and row.user_id == applicant.user_id):
        return Entered(Outcome.RESUMED, row.token)
    letters.owe_order_letter(db, "booking_link", row.id, key=f"booking-link:{row.id}:{now:%Y%m%d%H}")
    return Entered(Outcome.ALREADY_IN)


def _priced(
    db: Session, club_session: ClubSession, applicant: Applicant, standing: Standing, answers: dict[str, Any], now: datetime
) -> _Asked:
    """The price as of now, frozen in what is written from it. Raises PriceChanged unless it is what the person saw."""
    sale = None
    if applicant.join_plan and not standing.is_member and club_session.entry is Entry.OPEN:
        sale = membership_sales.for_sale(db, applicant.join_plan, applicant.user_id, applicant.email, standing, now)
        if sale.plan.currency != club_session.currency:
            raise PlanNotOnSale
    if standing.is_member and _own_place_taken(db, club_session.id, applicant):
        raise InvalidInput(None, words("You have booked your own place here already, under the address that you had before."))
    is_member = standing.is_member or sale is not None
    prices = club_sessions.prices(club_session)
    quote = pricing.quote(prices, applicant.places, is_member=is_member, is_student=standing.is_student, now=now)
    asked = _Asked(club_session, applicant, is_member, quote, sale, answers, now)
    pricing.check_expected(
        quote, applicant.expected_price_cents,
        total_cents=asked.total_cents, expected_total_cents=applicant.expected_total_cents,
    )  # fmt: skip
    if not money.chargeable(asked.total_cents, quote.currency):
        raise InvalidInput(None, words("This price is too small to be paid by card. Please tell the club."))
    return asked


def _own_place_taken(db: Session, club_session_id: int, applicant: Applicant) -> bool:
    """Whether this member has their place at member price here already, under an address that was theirs before."""
    mine = (Registration.club_session_id == club_session_id, Registration.user_id == applicant.user_id)
    before = (Registration.email != applicant.email, Registration.is_member, Registration.status.in_(ACTIVE))
    taken = select(Registration.id).where(*mine, *before)
    return db.execute(taken.limit(1)).first() is not None


def _enter(db: Session, club_session: ClubSession, applicant: Applicant) -> capacity.Decision:
    """Take the places by the guarded statement; only when that fails, read the counters again and decide what to say."""
    if club_session.entry is Entry.APPLICATION:
        return _apply(db, club_session)
    if places.take(db, club_session.id, applicant.places):
        return capacity.Decision.PLACE
    db.refresh(club_session)
    counters = capacity.Counters(
        club_session.capacity, club_session.places_taken, club_session.overbooked,
        club_session.waitlist_capacity, club_session.waitlist_taken,
    )  # fmt: skip
    decision = capacity.decide_entry(counters, applicant.places, accept_waitlist=applicant.accept_waitlist)
    if decision is capacity.Decision.PLACE:  # freed in this very moment: let the person ask again rather than loop
        raise WaitlistNotAccepted
    if not places.join_waitlist(db, club_session.id, applicant.places):
        raise SessionFull
    return capacity.Decision.WAITLIST


def _apply(db: Session, club_session: ClubSession) -> capacity.Decision:
    """An application takes nothing, but comes before or after a cancellation and never beside it, so that everybody is told."""
    status = db.execute(select(ClubSession.status).where(ClubSession.id == club_session.id).with_for_update()).scalar_one()
    if status is not SessionStatus.PUBLISHED:
        raise SessionCancelled
    return capacity.Decision.REVIEW


def _status(decision: capacity.Decision, *, done: bool) -> RegistrationStatus:
    match decision:
        case capacity.Decision.REVIEW:
            return RegistrationStatus.UNDER_REVIEW
        case capacity.Decision.WAITLIST:
            return RegistrationStatus.WAITLISTED
    return RegistrationStatus.REGISTERED if done else RegistrationStatus.HELD


def _write(db: Session, asked: _Asked, decision: capacity.Decision) -> Entered:
    """Order, registration, items and, when there is something to pay now, the payment with its exact parameters."""
    club_session, applicant, quote, now = asked.club_session, asked.applicant, asked.quote, asked.now
    waits = decision is capacity.Decision.WAITLIST
    if waits and asked.sale is not None:
        raise WaitlistNotAccepted  # joined for a place that went meanwhile: ask again, without the membership
    has_place = decision is capacity.Decision.PLACE
    pays_now = asked.total_cents > 0 and (has_place or waits and club_session.waitlist_payment is WaitlistPayment.UPFRONT)
    done = asked.total_cents == 0 and has_place
    buyer = orders.Buyer(applicant.name, applicant.email, applicant.attempt, applicant.user_id)
    order = orders.create_order(db, buyer, asked.total_cents, quote.currency, pays_now=pays_now, done=done, now=now)
    status = _status(decision, done=done)
    registration_id, reference = _insert_registration(db, asked, order.id, status)
    lines = _add_items(db, asked, order.id, registration_id, done=done)
    audit.record(db, applicant.actor, status, "registration", registration_id, places=applicant.places, reference=reference)
    if pays_now:
        metadata = {"registrationId": reference, "socialSessionId": club_session.slug}
        paid = [line.checkout() for line in lines]
        payment_id = orders.add_payment(db, order, applicant.email, quote.currency, paid, metadata, now)
        return Entered(Outcome.TO_PAY, order.token, payment_id)
    letters.owe_order_letter(db, LETTERS[status], order.id, key=f"{status}:{registration_id}")
    if waits:
        waitlist.deal(db, club_session.id, applicant.actor)  # a place may be free that those ahead cannot use
    elif done:
        resale.settle(db, club_session.id, applicant.actor)
    return Entered(OUTCOMES[status], order.token)


def _add_items(db: Session, asked: _Asked, order_id: int, registration_id: int, *, done: bool) -> list[PricedLine]:
    """The booking's line and, joining with it, the membership's; a membership that costs nothing begins at once."""
    title = asked.club_session.title
    lines = order_lines.of_quote(title, asked.quote)
    whole = order_lines.summed(title, lines)
    orders.add_item(db, order_id, ItemKind.REGISTRATION, whole, registration_id=registration_id, lines=lines)
    if asked.sale is None:
        return lines
    membership_sales.add_item(db, order_id, asked.sale, asked.now, asked.applicant.actor, done=done)
    return [*lines, *membership_sales.lines(asked.sale)]


def _insert_registration(db: Session, asked: _Asked, order_id: int, status: RegistrationStatus) -> tuple[int, str]:
    applicant, reference = asked.applicant, new_reference()
    values = {
        "reference": reference,
        "club_session_id": asked.club_session.id,
        "user_id": applicant.user_id,
        "order_id": order_id,
        "name": applicant.name,
        "email": applicant.email,
        "places": applicant.places,
        "status": status,
        "payment_status": PaymentState.PENDING if asked.quote.total_cents else PaymentState.FREE,
        "price_cents": asked.quote.total_cents,
        "is_member": asked.is_member,
        "answers": asked.answers,
        "waitlisted_at": asked.now if status is RegistrationStatus.WAITLISTED else None,
        "applied_at": asked.now if status is RegistrationStatus.UNDER_REVIEW else None,
    }
    return int(db.execute(insert(Registration).values(values).returning(Registration.id)).scalar_one()), reference
