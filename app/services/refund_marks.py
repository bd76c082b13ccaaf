"""Says on each line of an order how much of its money has gone back; a membership whose price has gone back ends.

Called by fulfilment and the refunds, in the transaction that changes a refund. Idempotent: it looks at what the rows say now.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment, Refund, Registration
from ..rules.statuses import ENDED, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from . import membership_spans

GONE = (RefundStatus.PENDING, RefundStatus.SUCCEEDED)
"""Refunds that Stripe has taken on: the money has left us."""


def mark(db: Session, refund: Refund, actor: str) -> None:
    """Bring the lines that this refund is about in line with what has gone back: its own, or all when it names none."""
    if refund.order_item_id is not None:
        _line(db, refund.order_item_id, actor)
        return
    order_id = db.execute(select(Payment.order_id).where(Payment.id == refund.payment_id)).scalar_one()
    items = db.execute(select(OrderItem).where(OrderItem.order_id == order_id).order_by(OrderItem.id)).scalars().all()
    if _kept_cents(db, order_id) <= 0:
        _whole(db, order_id, items, actor)
    else:
        for item in items:
            _line(db, item.id, actor)


def bought_nothing(db: Session, item: OrderItem) -> None:
    """Money came for a line that could not be had any more: it is paid, until the money has gone back."""
    cents = item.unit_amount_cents * item.quantity
    if cents and item.registration_id is not None:
        values = {"payment_status": PaymentState.PAID, "amount_paid_cents": cents}
        own = (Registration.id == item.registration_id, Registration.order_id == item.order_id)  # a difference changes nothing
        db.execute(update(Registration).where(*own).values(values))


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


def _whole(db: Session, order_id: int, items: Sequence[OrderItem], actor: str) -> None:
    """All of it went back, in whatever pieces: every line that cost something is refunded."""
    for item in items:
        if cents := item.unit_amount_cents * item.quantity:
            membership_spans.end_refunded_item(db, item.id, cents, actor)
    touched = or_(Registration.amount_paid_cents > 0, Registration.status.in_(ENDED))
    of_order = (Registration.order_id == order_id, Registration.payment_status != PaymentState.FREE, touched)
    statement = update(Registration).where(*of_order).values(payment_status=PaymentState.REFUNDED)
    db.execute(statement.execution_options(synchronize_session=False))


def _line(db: Session, order_item_id: int, actor: str) -> None:
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.order_item_id == order_item_id, Refund.status.in_(GONE)
    )
    membership_spans.end_refunded_item(db, order_item_id, int(db.execute(back).scalar_one()), actor)
    registration_id = db.execute(select(OrderItem.registration_id).where(OrderItem.id == order_item_id)).scalar_one()
    if registration_id is not None:
        mark_booking(db, registration_id)


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
