"""Asks for places in a club session: everything that must be true is checked and written in one transaction (DESIGN §6
"Register").

Called by the checkout service (which then leaves for Stripe) and by the staff's pages. No network here. What the places cost and
how they are taken is the item handler's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, repeat
from typing import cast

from sqlalchemy import bindparam, select, union_all
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Order, Registration
from ..queries import alone, memberships
from ..rules import pricing
from ..rules.memberships import PlanNotOnSale
from ..rules.refusals import PriceChanged, Refusal, SessionFull
from ..rules.statuses import ACTIVE, Entry, ItemKind
from ..rules.vouchers import normalise
from ..transaction import retried, transaction
from . import audit, letters, ordering, vouchers
from .items import Buyer, Quoted, Wanted
from .ordering import Entered, Outcome
from .registration_quotes import QuotedPlaces

__all__ = ["Applicant", "Entered", "Outcome", "register"]


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
    code: str = ""
    """A code that takes something off, as it was typed."""
    asked: Entry | None = None
    """Whether the page offered to register or to apply; None: it did not say."""

    whatsapp_number: str | None = None
    """In E.164; given only by somebody who agreed to be written to there."""
    seen_full: bool = False
    """The session was full, and no waitlist open, when its page was read a moment ago."""

    @property
    def actor(self) -> str:
        return audit.by_user(self.user_id) if self.user_id else audit.GUEST


def register(slug: str, applicant: Applicant) -> Entered:
    """Take places (or a waitlist spot) and write everything about them, or raise the Refusal that says why not.

    In a rush most come too late. Who was seen to be, and has nothing here yet, is told so without a lock: those who get a place
    do not wait for those who get none.
    """
    if applicant.seen_full and not alone.rows(_EARLIER, _asked(slug, applicant)):
        raise SessionFull
    return _register(slug, applicant, chain((False,), repeat(True)))


@retried
def _register(slug: str, applicant: Applicant, looks: Iterator[bool]) -> Entered:
    """``looks``: for each try, whether to look first what this person has here. Nearly everybody is new, and whoever is not is
    stopped by a key of the tables or by a refusal: it is looked then."""
    now = clock.now()
    with transaction() as db:
        looks_first = next(looks)
        if looks_first and (already := _already_in(db, slug, applicant, now)):
            return already
        standing = memberships.standing(db, applicant.user_id, applicant.email, now)
        buyer = Buyer(
            applicant.name, applicant.email, applicant.user_id, standing, whatsapp_number=applicant.whatsapp_number
        )
        try:
            quoted = _quoted(db, slug, applicant, buyer, now, together=not looks_first)
            reserved = ordering.reserve(db, quoted, buyer, now, last=True)
        except Refusal:
            # Who was faster may have been this very person, by a second press: on PostgreSQL their row is seen only now.
            if already := _already_in(db, slug, applicant, now):
                return already
            raise
        entered = ordering.write(db, reserved, buyer, applicant.attempt, now)[1]
        return replace(entered, outcome=Outcome.APPLIED) if _applies(quoted) else entered


def _quoted(
    db: Session, slug: str, applicant: Applicant, buyer: Buyer, now: datetime, *, together: bool
) -> list[Quoted]:
    """The places and, joining with them, the membership, at what the person saw. Raises PriceChanged otherwise.

    ``together``: places alone are written in one statement. Whoever was overtaken goes step by step.
    """
    joins = [Wanted(ItemKind.MEMBERSHIP, applicant.join_plan)] if applicant.join_plan and not buyer.standing.is_member else []
    places = Wanted(
        ItemKind.REGISTRATION, slug, applicant.places, applicant.accept_waitlist, applicant.answers, applicant.asked,
        draws=together and not joins,
    )  # fmt: skip
    quoted = ordering.quote(db, [places, *joins], buyer, now, applicant.code)
    if joins and _applies(quoted):  # nobody joins with an application
        quoted = ordering.quote(db, [places], buyer, now, applicant.code)
    if len({line.currency for line in quoted}) > 1:
        raise PlanNotOnSale
    if applicant.code and applicant.expected_total_cents is None:  # the page did not show what the code makes of the price
        raise PriceChanged(unit_cents=ordering.total(quoted), currency=quoted[0].currency)
    booked = cast(QuotedPlaces, quoted[0])
    pricing.check_expected(
        booked.quote, applicant.expected_price_cents,
        total_cents=ordering.total(quoted), expected_total_cents=applicant.expected_total_cents,
    )  # fmt: skip
    ordering.check_total(quoted)
    return quoted


def _applies(quoted: Sequence[Quoted]) -> bool:
    return cast(QuotedPlaces, quoted[0]).club_session.entry is Entry.APPLICATION


def _already_in(db: Session, slug: str, applicant: Applicant, now: datetime) -> Entered | None:
    """What this very form made before, or the one active registration that a session has for each address. One statement.

    Its own browser resumes; anybody else gets a mail, no answer.
    """
    rows = db.execute(_EARLIER, _asked(slug, applicant)).all()
    if not rows:
        return None
    if same_form := next((row for row in rows if row.attempt == applicant.attempt), None):
        return Entered(Outcome.RESUMED, same_form.token)
    row = rows[0]
    if row.token in applicant.known_orders or (row.user_id is not None and row.user_id == applicant.user_id):
        same_code = vouchers.of_order(db, row.id) == normalise(applicant.code)
        return Entered(Outcome.RESUMED if same_code else Outcome.STANDS, row.token)
    letters.owe_order_letter(db, "booking_link", row.id, key=f"booking-link:{row.id}:{now:%Y%m%d%H}")
    return Entered(Outcome.ALREADY_IN)


def _asked(slug: str, applicant: Applicant) -> dict[str, str]:
    return {"slug": slug, "email": applicant.email, "attempt": applicant.attempt}


_EARLIER = union_all(
    select(Order.id, Order.token, Order.attempt, Order.user_id).where(Order.attempt == bindparam("attempt")),
    select(Order.id, Order.token, Order.attempt, Registration.user_id)
    .join(Registration, Registration.order_id == Order.id)
    .join(ClubSession, ClubSession.id == Registration.club_session_id)
    .where(
        ClubSession.slug == bindparam("slug"), Registration.email == bindparam("email"), Registration.status.in_(ACTIVE)
    ),
)
