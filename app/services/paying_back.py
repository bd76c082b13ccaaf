"""Owes money back for one line of an order: the refund's row and the books, in the caller's transaction with the order locked."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment, Registration
from ..rules.statuses import PaymentStatus
from . import ledger, refunds


def owe_for_item(db: Session, item: OrderItem, registration: Registration, cents: int, reason: str, actor: str) -> int:
    """Owe ``cents`` of what was paid for this line, never more than is left of its payment; returns what is owed now."""
    cents = min(cents, registration.amount_paid_cents)
    return owe_for_line(db, item, cents, reason, actor, club_session_id=registration.club_session_id)


def owe_for_line(
    db: Session, item: OrderItem, cents: int, reason: str, actor: str, *, club_session_id: int | None = None
) -> int:
    """Owe ``cents`` for a line of any kind, never more than its price nor than is left of its payment; returns what is owed."""
    if cents <= 0:
        return 0
    payment, left = _kept_payment(db, item.order_id)
    if payment is None:
        return 0
    cents = min(cents, item.unit_amount_cents * item.quantity, left)
    refund_id = refunds.add_refund(db, payment.id, cents, reason, actor, order_item_id=item.id)
    ledger.book(
        db,
        f"refund:{refund_id}:owed",
        ledger.revenue(item.kind),
        ledger.OWED,
        cents,
        payment.currency,
        payment_id=payment.id,
        refund_id=refund_id,
        club_session_id=club_session_id,
    )
    return cents


def _kept_payment(db: Session, order_id: int) -> tuple[Payment | None, int]:
    """The payment that the order keeps, and what is left of it: a second one was given back whole (promise 3)."""
    captured = select(Payment).where(Payment.order_id == order_id, Payment.status == PaymentStatus.SUCCEEDED)
    for payment in db.execute(captured.order_by(Payment.id)).scalars():
        if left := refunds.left_to_refund(db, payment):
            return payment, left
    return None, 0
