"""Which way money goes back: to the card that paid, or by hand because it came in cash or by bank transfer. Called by letters.

A booking may have been paid both ways, when a change of it cost more: then a part goes back each way.
"""

from __future__ import annotations

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment, Refund, Registration
from ..rules.statuses import RefundStatus

STRIPE = "stripe"


def by_hand_cents(db: Session, order_id: int, cents: int) -> int:
    """How much of the ``cents`` that were just owed for this order's bookings a person pays out, in minor units.

    They are the newest refunds of it: written in this transaction, with the order locked.
    """
    bookings = select(Registration.id).where(Registration.order_id == order_id)
    lines = select(OrderItem.id).where(or_(OrderItem.order_id == order_id, OrderItem.registration_id.in_(bookings)))
    whole = and_(Payment.order_id == order_id, Refund.order_item_id.is_(None))
    newest = (
        select(Refund.amount_cents, Payment.provider)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(or_(Refund.order_item_id.in_(lines), whole), Refund.status != RefundStatus.FAILED)
        .order_by(Refund.id.desc())
    )
    by_hand = 0
    for row in db.execute(newest):
        if cents <= 0:
            break
        by_hand += row.amount_cents if row.provider != STRIPE else 0
        cents -= row.amount_cents
    return by_hand
