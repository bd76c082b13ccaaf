"""Says on each line of an order how much of its money has gone back; a membership whose price has gone back ends.

Called by fulfilment and the refunds, in the transaction that changes a refund. Idempotent: it looks at what the rows say now.
"""

from __future__ import annotations

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment, Refund, Registration
from ..rules.statuses import PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from . import items, order_lines

GONE = (RefundStatus.PENDING, RefundStatus.SUCCEEDED)
"""Refunds that Stripe has taken on: the money has left us."""


def mark(db: Session, refund: Refund, actor: str) -> None:
    """Bring the lines that this refund is about in line with what has gone back: its own, or all when it names none."""
    if refund.order_item_id is not None:
        _line(db, db.execute(select(OrderItem).where(OrderItem.id == refund.order_item_id)).scalar_one(), actor)
        return
    order_id = db.execute(select(Payment.order_id).where(Payment.id == refund.payment_id)).scalar_one()
    lines = order_lines.of_order(db, order_id)
    if _kept_cents(db, order_id) > 0:
        for item in lines:
            _line(db, item, actor)
        return
    for item in lines:  # all of it went back, in whatever pieces: every line that cost something is refunded
        if cents := item.unit_amount_cents * item.quantity:
            items.handler(item.kind).refund(db, item, cents, actor)


def _kept_cents(db: Session, order_id: int) -> int:
    """What is left of all that was ever captured for the order."""
    paid = (Payment.order_id == order_id, Payment.status == PaymentStatus.SUCCEEDED)
    captured = select(func.coalesce(func.sum(Payment.captured_cents), 0)).where(*paid).scalar_subquery()
    back = (
        select(func.coalesce(func.sum(Refund.amount_cents), 0))
        .join(Payment, Payment.id == Refund.payment_id)
        .where(*paid, Refund.status.in_(GONE))
        .scalar_subquery()
    )
    return int(db.execute(select(captured - back)).scalar_one())


def _line(db: Session, item: OrderItem, actor: str) -> None:
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.order_item_id == item.id, Refund.status.in_(GONE)
    )
    items.handler(item.kind).refund(db, item, int(db.execute(back).scalar_one()), actor)


def mark_booking(db: Session, registration_id: int) -> None:
    """Say how a booking's money stands by all its lines, its differences' too: still owed, paid, part or all of it back."""
    back = (
        select(func.coalesce(func.sum(Refund.amount_cents), 0))
        .join(OrderItem, OrderItem.id == Refund.order_item_id)
        .where(OrderItem.registration_id == registration_id, Refund.status.in_(GONE))
    )
    gone = int(db.execute(back).scalar_one())
    whole, part = (PaymentState.REFUNDED, PaymentState.PARTIALLY_REFUNDED) if gone else (PaymentState.FREE, PaymentState.PAID)
    owes, all_back = Registration.owed_cents > 0, Registration.amount_paid_cents <= gone
    status = case((owes, PaymentState.PENDING.value), (all_back, whole.value), else_=part.value)
    settled = or_(Registration.amount_paid_cents > 0, Registration.status == RegistrationStatus.REGISTERED)
    statement = update(Registration).where(Registration.id == registration_id, settled).values(payment_status=status)
    db.execute(statement.execution_options(synchronize_session=False))
