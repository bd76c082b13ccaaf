"""What staff do to one booking: refund any part of it, or cancel it with any refund, each with a reason; send its
letter again. Called by the desk.

Two clicks make one refund: the amount still refundable is read under the order's lock, and a form's one-time key is used once.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from .. import clock
from ..models import Registration
from ..rules.refusals import InvalidInput, OrderNotOpen, words
from ..rules.statuses import TAKEN, OrderStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, bookings, calendars, cancelling, difference_item, letters, order_ends, orders, paying_back, waitlist

CANCELLABLE = cancelling.CANCELLABLE
LETTERS = {RegistrationStatus.REGISTERED: "confirmation", RegistrationStatus.WAITLISTED: "waitlisted"}
"""The letter that says how a booking stands, by its status."""


@retried
def refund(token: str, cents: int, reason: str, actor: str, *, once: str) -> int:
    """Refund ``cents`` of a booking that goes on; returns what is owed now (0 when this very form was sent before).

    Raises InvalidInput when that much is not left, or no reason is given.
    """
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration, order = booking.registration, booking.order
        if audit.done_before(db, "registration", registration.id, once):
            return 0
        owed = _owe(db, registration, cents, reason, actor)
        audit.record(db, actor, "refunded_by_staff", "registration", registration.id, cents=owed, reason=reason, once=once)
        key = f"staff:{registration.id}:{once}"
        letters.owe_order_letter(db, "refunded_by_staff", order.id, key=key, refund_cents=owed, only=booking.item.id)
        return owed


@retried
def cancel(token: str, refund_cents: int, reason: str, actor: str, *, once: str) -> int:
    """Cancel a booking and refund ``refund_cents`` of it; the place is dealt on, and whatever else is in its order goes on.

    Returns what is owed now.

    Raises OrderNotOpen when it cannot be cancelled any more, or is being paid for (then its hold is ended instead, at Stripe
    first), InvalidInput when that much is not left or no reason is given.
    """
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration, order = booking.registration, booking.order
        if audit.done_before(db, "registration", registration.id, once):
            return 0
        if registration.status not in CANCELLABLE or orders.is_being_paid(order):
            raise OrderNotOpen
        _check_reason(reason)
        owed = _owe(db, registration, refund_cents, reason, actor) if refund_cents else 0
        before, values = registration.status, {"status": RegistrationStatus.CANCELLED}
        db.execute(update(Registration).where(Registration.id == registration.id).values(values))
        cancelling.give_back(db, registration, before)
        detail = {"reason": reason, "cents": owed, "once": once}
        audit.record(db, actor, "cancelled", "registration", registration.id, places=registration.places, **detail)
        order_ends.end_if_over(db, order, OrderStatus.CANCELLED, actor)
        confirmed = before is RegistrationStatus.REGISTERED
        struck = {registration.id: calendars.strike_out(db, registration.club_session_id)} if confirmed else {}
        letters.owe_order_letter(
            db, "refunded_cancelled" if owed else "cancelled", order.id, key=f"staff:{registration.id}",
            refund_cents=owed or None, struck=struck, only=booking.item.id,
        )  # fmt: skip
        difference_item.let_go(db, registration.id, clock.now())
        freed = registration.places if before in TAKEN else 0
        waitlist.deal(db, registration.club_session_id, actor, freed=freed)
        return owed


@retried
def resend(token: str, actor: str, *, once: str) -> None:
    """Owe the letter that says how the booking stands once more. Raises OrderNotOpen when it has neither place nor spot."""
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration, order = booking.registration, booking.order
        if audit.done_before(db, "registration", registration.id, once):
            return
        if registration.status not in LETTERS:
            raise OrderNotOpen
        audit.record(db, actor, "mail_sent_again", "registration", registration.id, once=once)
        letters.owe_order_letter(db, LETTERS[registration.status], order.id, key=f"again:{registration.id}:{once}")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))


def _owe(db: Session, registration: Registration, cents: int, reason: str, actor: str) -> int:
    _check_reason(reason)
    if cents <= 0:
        raise InvalidInput("amount", words("Enter an amount above zero."))
    owed = paying_back.owe_for_booking(db, registration, cents, "by_staff", actor)
    if owed != cents:
        raise InvalidInput("amount", words("That is more than is left of what was paid."))
    return owed
