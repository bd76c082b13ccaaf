"""Staff take money by hand for what a booking has still to pay: its own order while it is held or offered, or a difference.

Called by the desk. Crash points: the person's Checkout is ended first (expire, look, record), in transactions of its own; dying
there leaves an unpaid order that can be paid as before. Only then, in one transaction that finds no attempt left, is it booked.
So nobody pays at Stripe what was taken in cash (promise 3); what was paid there meanwhile is kept, and nothing is booked.
"""

from __future__ import annotations

from sqlalchemy import Select, select

from .. import clock
from ..extensions import db as flask_db
from ..models import Order, OrderItem, Payment, Registration
from ..rules.refusals import InvalidInput, OrderNotOpen, Refusal, words
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus, RegistrationStatus
from ..transaction import end_read, retried, transaction
from . import audit, bookings, by_hand, ending
from .by_hand import Means

TRIES = 3
PAYABLE = frozenset({RegistrationStatus.HELD, RegistrationStatus.OFFERED, RegistrationStatus.REGISTERED})


class PaidMeanwhile(Refusal):
    status = 409
    text = words("It has been paid by card meanwhile. Nothing was booked: give the money back.")


class BeingPaid(Refusal):
    status = 409
    text = words("The person is paying by card at this moment. Nothing was booked: look again in a minute.")


def take(token: str, means: Means, reason: str, actor: str, *, once: str) -> int:
    """Book what this booking has to pay as handed over; returns the cents (0 when this very form was sent before).

    Raises PaidMeanwhile, BeingPaid, OrderNotOpen, or CheckoutNotEnded when Stripe cannot be asked: then nothing is booked.
    """
    for _ in range(TRIES):
        payment = _open_attempt(token)
        if payment is None:
            break
        payment_id, status = payment
        if status is PaymentStatus.PROCESSING:
            raise BeingPaid
        ending.end_checkout(payment_id)
    return _book(token, means, reason, actor, once)


def payable(token: str) -> tuple[int, int] | None:
    """The order that could be paid by hand now and its cents; None when nothing is to pay."""
    row = flask_db.session.execute(_to_pay(token)).first()
    return None if row is None else (row.id, row.total_cents)


def _to_pay(token: str) -> Select[int, int]:
    return (
        select(Order.id, Order.total_cents)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(Registration, Registration.id == OrderItem.registration_id)
        .where(
            Registration.token == token,
            Registration.status.in_(PAYABLE),
            Order.status == OrderStatus.PENDING,
            Order.total_cents > 0,
            Order.cancel_requested_at.is_(None),
        )
        .order_by(Order.id)
        .limit(1)
    )


def _open_attempt(token: str) -> tuple[int, PaymentStatus] | None:
    order = payable(token)
    unsettled = (Payment.order_id == (order[0] if order else 0), Payment.status.in_(UNSETTLED))
    row = flask_db.session.execute(select(Payment.id, Payment.status).where(*unsettled)).first()
    end_read()
    return None if row is None else (row.id, row.status)


@retried
def _book(token: str, means: Means, reason: str, actor: str, once: str) -> int:
    now = clock.now()
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration = booking.registration
        if audit.done_before(db, "registration", registration.id, once):
            return 0
        row = db.execute(_to_pay(token)).first()
        if row is None:
            raise PaidMeanwhile if booking.order.status is OrderStatus.PAID else OrderNotOpen
        unsettled = select(Payment.id).where(Payment.order_id == row.id, Payment.status.in_(UNSETTLED))
        if db.execute(unsettled).first() is not None:
            raise BeingPaid  # pressed "Pay now" again, faster than we
        if not reason.strip():
            raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
        order = db.execute(select(Order).where(Order.id == row.id)).scalar_one()
        by_hand.settle(db, order, means, actor, now, reason=reason)
        detail = {"cents": row.total_cents, "means": means, "reason": reason, "once": once}
        audit.record(db, actor, "paid_by_hand", "registration", registration.id, **detail)
        return int(row.total_cents)
