"""Owes money back for lines of orders: the refund's row and the books, in the caller's transaction with the orders locked.

A booking may have been paid in several orders: its own, and one for each difference. No more goes back for a line than it cost.
"""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment, Refund, Registration
from ..queries import bought, gone_back, still_owed
from ..rules.statuses import PaymentStatus, RefundStatus
from . import ledger, refunds, superseded


def owe_for_booking(db: Session, registration: Registration, cents: int, reason: str, actor: str) -> int:
    """Owe ``cents`` of what was paid for this booking, the newest payment first; returns what is owed now."""
    cents, owed = min(cents, registration.amount_paid_cents), 0
    items = select(OrderItem).where(OrderItem.registration_id == registration.id).order_by(OrderItem.id.desc())
    for item in db.execute(items).scalars().all():
        owed += owe_for_line(db, item, cents - owed, reason, actor, club_session_id=registration.club_session_id)
    return owed


def kept_cents(db: Session, registration: Registration) -> int:
    """What was paid for this booking and has not been promised back. A difference that bought nothing was never paid for it."""
    lines = gone_back.of_lines()
    back = select(func.coalesce(func.sum(lines.c.cents), 0)).join(OrderItem, OrderItem.id == lines.c.item_id)
    back = back.where(lines.c.registration_id == registration.id)
    back = back.where(or_(OrderItem.order_id == registration.order_id, bought.at_all()))
    return registration.amount_paid_cents - int(db.execute(back).scalar_one())


def earned(db: Session, registration: Registration) -> list[tuple[int, int]]:
    """What the books have as revenue of this booking, by the payments that bought it: what failed to go back is none."""
    kept, parts = kept_cents(db, registration), []
    lines = select(OrderItem).where(OrderItem.registration_id == registration.id).order_by(OrderItem.id)
    for item in db.execute(lines).scalars().all():
        payment, _left = _payment_of(db, item)
        if payment is None:
            continue
        mine = min(kept, _left_of_price(db, item))
        kept -= mine
        parts.append((payment.id, mine - min(mine, still_owed.of_payment(db, payment.id).of(item.id, None))))
    return parts


def owe_for_line(
    db: Session, item: OrderItem, cents: int, reason: str, actor: str, *, club_session_id: int | None = None
) -> int:
    """Owe ``cents`` for a line of any kind, never more than is left of its price and of its payment; returns what is owed.

    What is owed for it already, because a refund failed, goes first: it is no revenue any more.
    """
    cents = min(cents, _left_of_price(db, item))
    if cents <= 0:
        return 0
    payment, left = _payment_of(db, item)
    if payment is None:
        return 0
    cents = min(cents, left)
    if cents <= 0:
        return 0
    owed_before = still_owed.of_payment(db, payment.id).of(item.id, None)
    refund_id = refunds.add_refund(db, payment.id, cents, reason, actor, order_item_id=item.id)
    ledger.book(
        db,
        f"refund:{refund_id}:owed",
        ledger.revenue(item.kind),
        ledger.OWED,
        cents - min(cents, owed_before),
        payment.currency,
        payment_id=payment.id,
        refund_id=refund_id,
        club_session_id=club_session_id,
    )
    superseded.close_cases(db, payment.id)
    return cents


def _left_of_price(db: Session, item: OrderItem) -> int:
    promised = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.order_item_id == item.id, Refund.status != RefundStatus.FAILED
    )
    return item.unit_amount_cents * item.quantity - int(db.execute(promised).scalar_one())


def _payment_of(db: Session, item: OrderItem) -> tuple[Payment | None, int]:
    """The payment that bought the line, and what is left of it. Another of its order has bought nothing: it is not for this."""
    its = select(Payment).join(OrderItem, OrderItem.order_id == Payment.order_id).where(OrderItem.id == item.id)
    payment = db.execute(its.where(Payment.status == PaymentStatus.SUCCEEDED, bought.with_payment())).scalar_one_or_none()
    return payment, refunds.left_to_refund(db, payment) if payment is not None else 0
