"""What a change of a booking costs more or less: asked for by a link, taken by hand, given back, or waived with a reason.

Called by moving and by changing places, inside their transaction with the booking locked. A difference is an order of its own, so
that no order is ever paid twice (promise 3); until it is paid the booking says how much it still owes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..integrations.payments import CheckoutLine
from ..models import Order, OrderItem, Registration
from ..rules import money
from ..rules.refusals import InvalidInput, OrderNotOpen, PriceChanged, Refusal, words
from ..rules.statuses import ItemKind, OrderStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, bookings, by_hand, letters, orders, paying_back, refund_marks
from .bookings import Booking
from .by_hand import Means
from .orders import Buyer


class Settling(StrEnum):
    """What becomes of a difference. LINK, CASH and BANK pay one, REFUND gives one back, WAIVE leaves the price as it was."""

    LINK = "link"
    CASH = "cash"
    BANK = "bank"
    REFUND = "refund"
    WAIVE = "waive"


@dataclass(frozen=True, slots=True)
class Settlement:
    """How staff want it, and why. ``once`` is their form's one-time key; ``expected_cents`` the difference that it showed."""

    how: Settling
    reason: str
    once: str
    expected_cents: int
    overbook_to: int = 0
    pay_by: datetime | None = None


class NotConfirmed(Refusal):
    status = 409
    text = words("This booking is not confirmed, so it cannot be changed. Look at what it says now.")


class StillOwed(Refusal):
    status = 409
    text = words("Something is still to be paid for this booking. Settle that first.")


def check_changeable(booking: Booking, settlement: Settlement) -> None:
    """Raise unless the booking is confirmed and owes nothing, and a reason is given."""
    if booking.registration.status is not RegistrationStatus.REGISTERED:
        raise NotConfirmed
    if booking.registration.owed_cents:
        raise StillOwed
    if not settlement.reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))


def settle(
    db: Session, booking: Booking, cents: int, settlement: Settlement, actor: str, now: datetime, *, added_places: int = 0
) -> int:
    """Settle a difference of ``cents`` (below zero: less) as staff chose; returns what goes back now.

    Raises PriceChanged when the page showed another one, InvalidInput when it cannot be settled so.
    """
    registration, how = booking.registration, settlement.how
    if cents != settlement.expected_cents:
        raise PriceChanged(unit_cents=abs(cents), currency=booking.order.currency)
    if cents == 0 or how is Settling.WAIVE:
        return 0
    if (cents < 0) is not (how is Settling.REFUND):
        raise InvalidInput("how", words("Choose what becomes of the difference"))
    price = {"price_cents": registration.price_cents + cents}
    db.execute(update(Registration).where(Registration.id == registration.id).values(price))
    db.refresh(registration)
    if cents < 0:
        return paying_back.owe_for_booking(db, registration, -cents, "difference", actor)
    ask(db, booking, cents, settlement, actor, now, added_places=added_places)
    return 0


def ask(
    db: Session, booking: Booking, cents: int, settlement: Settlement, actor: str, now: datetime, *, added_places: int = 0
) -> None:
    """Make the order of a difference: to be paid by a link until ``pay_by``, or paid by hand in this very transaction."""
    registration, by_link = booking.registration, settlement.how is Settling.LINK
    if by_link:
        _check_link(booking, cents, settlement, now)
    buyer = Buyer(registration.name, booking.order.email, settlement.once, registration.user_id)
    until = settlement.pay_by if by_link else None
    order = orders.create_order(
        db, buyer, cents, booking.order.currency, pays_now=False, done=False, now=now, hold_until=until
    )
    here = booking.sessions[registration.club_session_id]
    line = CheckoutLine(here.title, cents, 1)
    item_id = orders.add_item(db, order.id, ItemKind.REGISTRATION, line, registration_id=registration.id).id
    db.execute(update(OrderItem).where(OrderItem.id == item_id).values(added_places=added_places))
    owed = update(Registration).where(Registration.id == registration.id)
    db.execute(owed.values(owed_cents=Registration.owed_cents + cents).execution_options(synchronize_session=False))
    refund_marks.mark_booking(db, registration.id)
    audit.record(db, actor, "difference_asked", "registration", registration.id, cents=cents, means=settlement.how)
    if by_link:
        letters.owe_order_letter(db, "difference", order.id, key=f"order:{order.id}")
    else:
        by_hand.settle(db, orders.lock(db, order.id), Means(settlement.how), actor, now, reason=settlement.reason)


def _check_link(booking: Booking, cents: int, settlement: Settlement, now: datetime) -> None:
    ends_at = booking.sessions[booking.registration.club_session_id].ends_at
    if settlement.pay_by is None or not now < settlement.pay_by <= ends_at:
        raise InvalidInput("pay_by", words("Choose a time between now and the end of the session"))
    if not money.chargeable(cents, booking.order.currency):
        raise InvalidInput("how", words("This difference is too small to be paid by card."))


def pending(db: Session, registration_id: int) -> Order | None:
    """The order of a difference that may still be paid, if there is one."""
    mine = (
        select(Order)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(Registration, Registration.id == OrderItem.registration_id)
        .where(Registration.id == registration_id, Order.id != Registration.order_id, Order.status == OrderStatus.PENDING)
    )
    return db.execute(mine.order_by(Order.id).limit(1)).scalar_one_or_none()


@retried
def settle_owed(token: str, settlement: Settlement, actor: str) -> int:
    """Ask again for what a booking still owes when nothing is open for it, take it by hand, or waive it; returns the cents.

    0 when this very form was sent before. Raises OrderNotOpen when nothing is owed or a link is still open, PriceChanged when
    the page showed another sum.
    """
    now = clock.now()
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration = booking.registration
        if audit.done_before(db, "registration", registration.id, settlement.once):
            return 0
        cents = registration.owed_cents
        if not cents or registration.status is not RegistrationStatus.REGISTERED or pending(db, registration.id) is not None:
            raise OrderNotOpen
        if cents != settlement.expected_cents:
            raise PriceChanged(unit_cents=cents, currency=booking.order.currency)
        if not settlement.reason.strip():
            raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
        price = registration.price_cents - (cents if settlement.how is Settling.WAIVE else 0)
        values = {"owed_cents": 0, "price_cents": price}
        db.execute(update(Registration).where(Registration.id == registration.id).values(values))
        detail = {"cents": cents, "means": settlement.how, "reason": settlement.reason, "once": settlement.once}
        audit.record(db, actor, "owed_settled", "registration", registration.id, **detail)
        if settlement.how is Settling.WAIVE:
            refund_marks.mark_booking(db, registration.id)
        else:
            ask(db, booking, cents, settlement, actor, now)
        return cents
