"""Staff add a booking by hand: for nothing, paid in cash or by bank transfer, or to be paid by a link that is mailed.

Called by the desk and the door. One form is one booking: ``once`` is its order's one-time key. Places are taken by the same
guarded statement as everybody's; past capacity only as far as the form said, which is put on the session's record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Order, Registration
from ..models.columns import new_reference, new_token
from ..queries import desk_quotes
from ..rules import money
from ..rules.addresses import no_address, normalise_email
from ..rules.capacity import check_places
from ..rules.pricing import Quote, Reason
from ..rules.refusals import InvalidInput, PriceChanged, words
from ..rules.statuses import ACTIVE, ItemKind, PaymentState, RegistrationStatus
from ..transaction import retried, transaction
from . import answering, audit, by_hand, letters, order_lines, orders, overbooking
from .by_hand import Means
from .items import OrderKey
from .order_lines import PricedLine
from .orders import Buyer

MOST_PLACES = 200


class How(StrEnum):
    """How a booking that staff add is paid."""

    COMP = "comp"
    CASH = "cash"
    BANK = "bank"
    LINK = "link"


MEANS = {How.CASH: Means.CASH, How.BANK: Means.BANK}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What staff typed. Cents are minor units of the session's currency."""

    name: str
    places: int
    how: How
    once: str
    email: str | None = None
    """None: somebody who gave none, like a walk-in who pays in cash. Then no mail is owed."""
    reason: str = ""
    """Kept on the record; needed for nothing to pay, for another price, and for going past capacity."""
    price_cents: int | None = None
    """Another price for all of it than the session's own; None: the session's, as a member when the address is a member's."""
    expected_cents: int | None = None
    """What the page showed for all of it, when the price is the session's (promise 15)."""
    overbook_to: int = 0
    """How far past its capacity the session may be afterwards; 0: not at all."""
    pay_by: datetime | None = None
    """For a link: until when the place is kept."""
    answers: Mapping[str, object] | None = None
    """What was answered to the session's own questions, by their keys; None: nobody was asked."""


@dataclass(frozen=True, slots=True)
class Added:
    """The booking, and whether this very form had made it before."""

    token: str
    order_token: str
    total_cents: int
    again: bool = False


@retried
def add(slug: str, wanted: Wanted, actor: str) -> Added:
    """Add the booking with everything that belongs to it, or raise the Refusal that says why not.

    NotEnoughPlaces says how many are left; ask again with ``overbook_to`` when it shall go past that.
    """
    now = clock.now()
    with transaction() as db:
        club_session = overbooking.lock(db, slug)
        if (before := _made_before(db, wanted.once)) is not None:
            return before
        _check(db, club_session, wanted, now)
        quote = desk_quotes.for_address(db, club_session, wanted.email, wanted.places, now)
        lines = _lines(club_session.title, wanted, quote)
        total = sum(line.amount_cents for line in lines)
        if wanted.how is How.LINK and not money.chargeable(total, quote.currency):
            raise InvalidInput("price", words("This price cannot be paid by card."))
        waiting = club_session.waitlist_taken
        over = overbooking.take(db, club_session, wanted.places, wanted.overbook_to, actor, wanted.reason)
        order, registration_id, token = _write(db, club_session, wanted, lines, quote, now)
        detail = {"means": wanted.how, "cents": total, "places": wanted.places, "reason": wanted.reason}
        passed = {"overbooked": over or None, "waiting": waiting or None}
        audit.record(db, actor, "added_by_hand", "registration", registration_id, **detail, **passed)
        if wanted.how is How.LINK and total:
            letters.owe_order_letter(db, "payment_link", order.id, key=f"order:{order.id}")
        else:
            by_hand.settle(db, orders.lock(db, order.id), MEANS.get(wanted.how), actor, now, reason=wanted.reason)
        return Added(token, order.token, total)


def _made_before(db: Session, once: str) -> Added | None:
    row = db.execute(
        select(Registration.token, Order.token.label("order_token"), Order.total_cents)
        .join(Order, Order.id == Registration.order_id)
        .where(Order.attempt == once)
    ).first()
    return None if row is None else Added(row.token, row.order_token, row.total_cents, again=True)


def _check(db: Session, club_session: ClubSession, wanted: Wanted, now: datetime) -> None:
    """What was typed can be used, and the address has no booking here yet."""
    if not wanted.name.strip():
        raise InvalidInput("name", words("Enter a name"))
    check_places(wanted.places, MOST_PLACES)
    if wanted.email is not None and normalise_email(wanted.email) != wanted.email:
        raise InvalidInput("email", words("Enter an e-mail address in the correct format, like name@example.com"))
    if (wanted.how is How.COMP or wanted.price_cents is not None) and not wanted.reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
    if wanted.how is How.LINK:
        if wanted.email is None:
            raise InvalidInput("email", words("Enter the e-mail address that the link goes to"))
        if wanted.pay_by is None or not now < wanted.pay_by <= club_session.ends_at:
            raise InvalidInput("pay_by", words("Choose a time between now and the end of the session"))
    booked = select(Registration.reference).where(
        Registration.club_session_id == club_session.id, Registration.email == wanted.email, Registration.status.in_(ACTIVE)
    )
    if reference := db.execute(booked).scalar_one_or_none():
        problem = words("This address has a booking here already. Change that one instead, or leave the address out.")
        raise InvalidInput("email", f"{problem} ({reference})")


def _lines(title: str, wanted: Wanted, quote: Quote) -> list[PricedLine]:
    """What is charged: nothing, the price that staff typed, or the session's own, which must be what the page showed."""
    if wanted.how is How.COMP:
        return [PricedLine(title, 0, wanted.places, Reason.FREE, 0)]
    if wanted.price_cents is not None:
        return [PricedLine(title, wanted.price_cents, 1, Reason.NON_MEMBER, 0)]
    if wanted.expected_cents not in (None, quote.total_cents):
        raise PriceChanged(unit_cents=quote.unit_cents, currency=quote.currency)
    return order_lines.of_quote(title, quote)


def _write(
    db: Session, club_session: ClubSession, wanted: Wanted, lines: list[PricedLine], quote: Quote, now: datetime
) -> tuple[OrderKey, int, str]:
    """The order, its line and the registration, held until it is settled; the order, the registration's id and its token."""
    total, reference, token = sum(line.amount_cents for line in lines), new_reference(), new_token()
    email = wanted.email or no_address(reference)
    buyer = Buyer(wanted.name, email, wanted.once)
    until = wanted.pay_by if wanted.how is How.LINK and total else None
    order = orders.create_order(db, buyer, total, quote.currency, pays_now=False, done=False, now=now, hold_until=until)
    values = {
        "token": token,
        "reference": reference,
        "club_session_id": club_session.id,
        "order_id": order.id,
        "name": wanted.name,
        "email": email,
        "places": wanted.places,
        "status": RegistrationStatus.HELD,
        "payment_status": PaymentState.PENDING if total else PaymentState.FREE,
        "price_cents": total,
        "answers": answering.frozen(db, club_session.id, wanted.answers),
        "is_member": quote.reason in (Reason.MEMBER, Reason.EARLY_MEMBER),
    }
    registration_id = int(db.execute(insert(Registration).values(values).returning(Registration.id)).scalar_one())
    whole = order_lines.summed(club_session.title, lines)
    orders.add_item(db, order.id, ItemKind.REGISTRATION, whole, registration_id=registration_id, lines=lines)
    return order, registration_id, token
