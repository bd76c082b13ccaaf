"""The person cancels what is settled: a free or paid registration, or a spot on the waitlist. Called by the order page.

What is still to be paid is given up through ``ending`` instead, because its Checkout must be ended first.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Order, OrderItem, Payment, Registration
from ..rules import refunds as refund_rules
from ..rules.refusals import OrderNotOpen
from ..rules.statuses import OrderStatus, PaymentStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, ledger, letters, orders, places, refunds


@retried
def cancel_order(order_token: str, actor: str = audit.GUEST) -> int:
    """Cancel every registration of a settled order; returns the cents that go back (by the session's ``refund_until``).

    Raises OrderNotOpen when nothing of it can be cancelled any more.
    """
    now = clock.now()
    with transaction() as db:
        order_id = db.execute(select(Order.id).where(Order.token == order_token)).scalar_one_or_none()
        if order_id is None:
            raise OrderNotOpen
        order = orders.lock(db, order_id)
        items = db.execute(select(OrderItem).where(OrderItem.order_id == order_id).order_by(OrderItem.id)).scalars().all()
        back = [_cancel_item(db, order, item, actor, now) for item in items]
        if not any(cents is not None for cents in back):
            raise OrderNotOpen
        orders.move(db, order_id, OrderStatus.CANCELLED, hold_expires_at=None)
        audit.record(db, actor, "cancelled", "order", order_id)
        total = sum(cents or 0 for cents in back)
        letters.owe_order_letter(db, "refunded_cancelled" if total else "cancelled", order_id, key=f"order:{order_id}", refund_cents=total or None)
        return total


def _cancel_item(db: Session, order: Order, item: OrderItem, actor: str, now: datetime) -> int | None:
    """End one registration and free its places; the cents to give back, or None when it cannot be cancelled."""
    if item.registration_id is None:
        return None
    club_session = db.execute(
        select(ClubSession)
        .join(Registration, Registration.club_session_id == ClubSession.id)
        .where(Registration.id == item.registration_id)
        .with_for_update(of=ClubSession)
    ).scalar_one()
    registration = db.execute(
        select(Registration).where(Registration.id == item.registration_id).execution_options(populate_existing=True)
    ).scalar_one()
    waiting = registration.status is RegistrationStatus.WAITLISTED
    if now >= club_session.starts_at or not (waiting or registration.status is RegistrationStatus.REGISTERED):
        return None
    db.execute(update(Registration).where(Registration.id == registration.id).values(status=RegistrationStatus.CANCELLED))
    (places.leave_waitlist if waiting else places.release)(db, club_session.id, registration.places)
    audit.record(db, actor, "cancelled", "registration", registration.id, places=registration.places)
    with_refund = waiting or refund_rules.may_self_cancel_with_refund(club_session.refund_until, club_session.starts_at, now)
    return _refund(db, order, item, registration, actor) if with_refund else 0


def _refund(db: Session, order: Order, item: OrderItem, registration: Registration, actor: str) -> int:
    """Owe what was paid for this item; 0 when nothing was."""
    payment = db.execute(
        select(Payment).where(Payment.order_id == order.id, Payment.status == PaymentStatus.SUCCEEDED, Payment.captured_cents > 0)
        .order_by(Payment.id).limit(1)
    ).scalar_one_or_none()  # fmt: skip
    if payment is None or registration.amount_paid_cents == 0:
        return 0
    cents = min(registration.amount_paid_cents, refunds.left_to_refund(db, payment))
    if cents == 0:
        return 0
    refund_id = refunds.add_refund(db, payment.id, cents, "cancelled", actor, order_item_id=item.id)
    ledger.book(
        db, f"refund:{refund_id}:owed", ledger.revenue(item.kind), ledger.OWED, cents, payment.currency,
        payment_id=payment.id, refund_id=refund_id, club_session_id=registration.club_session_id,
    )  # fmt: skip
    return cents
