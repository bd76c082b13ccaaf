"""Asks for places in a club session: everything that must be true is checked and written in one transaction (DESIGN §6
"Register").

Called by the checkout service (which then leaves for Stripe) and by the staff's pages. No network here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .. import clock
from ..integrations.payments import CheckoutLine
from ..models import ClubSession, Order, Registration
from ..models.columns import new_reference
from ..queries import memberships
from ..rules import capacity, money, pricing
from ..rules.refusals import InvalidInput, Refusal, SessionFull, SessionNotFound, WaitlistNotAccepted, words
from ..rules.statuses import ACTIVE, ItemKind, PaymentState, RegistrationStatus, WaitlistPayment
from ..transaction import retried, transaction
from . import audit, letters, orders, places, resale, waitlist


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

    @property
    def actor(self) -> str:
        return audit.by_user(self.user_id) if self.user_id else audit.GUEST


class Outcome(StrEnum):
    TO_PAY = "to_pay"
    REGISTERED = "registered"
    WAITLISTED = "waitlisted"
    RESUMED = "resumed"
    ALREADY_IN = "already_in"


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
    now: datetime


@retried
def register(slug: str, applicant: Applicant) -> Entered:
    """Take places (or a waitlist spot) and write everything about them, or raise the Refusal that says why not."""
    now = clock.now()
    with transaction() as db:
        if again := _same_form_again(db, applicant.attempt):
            return again
        club_session = db.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
        if club_session is None:
            raise SessionNotFound
        if already := _already_in(db, club_session, applicant, now):
            return already
        is_member = memberships.is_active_member(db, applicant.user_id, applicant.email, now)
        window = capacity.Window(
            club_session.status, club_session.entry, club_session.starts_at,
            club_session.opens_at, club_session.members_open_at, club_session.closes_at,
        )  # fmt: skip
        capacity.check_open(window, now, is_member=is_member)
        capacity.check_places(applicant.places, club_session.max_places)
        asked = _Asked(club_session, applicant, is_member, _quote(club_session, applicant, is_member), now)
        try:
            decision = _enter(db, club_session, applicant)
        except Refusal:
            # Who was faster may have been this very person, by a second press: on PostgreSQL their row is seen only now.
            if already := _already_in(db, club_session, applicant, now):
                return already
            raise
        return _write(db, asked, decision)


def _same_form_again(db: Session, attempt: str) -> Entered | None:
    """The same form sent twice makes one order: the second sending resumes the first."""
    token = db.execute(select(Order.token).where(Order.attempt == attempt)).scalar_one_or_none()
    return Entered(Outcome.RESUMED, token) if token else None


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


def _quote(club_session: ClubSession, applicant: Applicant, is_member: bool) -> pricing.Quote:
    prices = pricing.Prices(club_session.member_price_cents, club_session.non_member_price_cents, club_session.currency)
    quote = pricing.quote(prices, applicant.places, is_member=is_member)
    pricing.check_expected(quote, applicant.expected_price_cents)
    if not money.chargeable(quote.total_cents, quote.currency):
        raise InvalidInput(None, words("This price is too small to be paid by card. Please tell the club."))
    return quote


def _enter(db: Session, club_session: ClubSession, applicant: Applicant) -> capacity.Decision:
    """Take the places by the guarded statement; only when that fails, read the counters again and decide what to say."""
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


def _write(db: Session, asked: _Asked, decision: capacity.Decision) -> Entered:
    """Order, registration, item and, when there is something to pay now, the payment with its exact parameters."""
    club_session, applicant, quote, now = asked.club_session, asked.applicant, asked.quote, asked.now
    waits = decision is capacity.Decision.WAITLIST
    pays_now = quote.total_cents > 0 and (not waits or club_session.waitlist_payment is WaitlistPayment.UPFRONT)
    done = quote.total_cents == 0 and not waits
    buyer = orders.Buyer(applicant.name, applicant.email, applicant.attempt, applicant.user_id)
    order = orders.create_order(db, buyer, quote.total_cents, quote.currency, pays_now=pays_now, done=done, now=now)
    status = RegistrationStatus.WAITLISTED if waits else RegistrationStatus.REGISTERED if done else RegistrationStatus.HELD
    registration_id, reference = _insert_registration(db, asked, order.id, status)
    line = CheckoutLine(club_session.title, quote.unit_cents, applicant.places)
    orders.add_item(db, order.id, ItemKind.REGISTRATION, line, registration_id=registration_id)
    audit.record(db, applicant.actor, status, "registration", registration_id, places=applicant.places, reference=reference)
    if pays_now:
        metadata = {"registrationId": reference, "socialSessionId": club_session.slug}
        payment_id = orders.add_payment(db, order, applicant.email, quote.currency, [line], metadata, now)
        return Entered(Outcome.TO_PAY, order.token, payment_id)
    letters.owe_order_letter(db, "confirmation" if done else "waitlisted", order.id, key=f"{status}:{registration_id}")
    if waits:
        waitlist.deal(db, club_session.id, applicant.actor)  # a place may be free that those ahead cannot use
    else:
        resale.settle(db, club_session.id, applicant.actor)
    return Entered(Outcome.REGISTERED if done else Outcome.WAITLISTED, order.token)


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
        "waitlisted_at": asked.now if status is RegistrationStatus.WAITLISTED else None,
    }
    return int(db.execute(insert(Registration).values(values).returning(Registration.id)).scalar_one()), reference
