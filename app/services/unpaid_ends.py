"""Tells whoever was still paying that the session is cancelled, and that the rest of an unpaid order has ended with it.

Called when such a booking is let go, after its Checkout was ended at Stripe. Who had paid by then is told by fulfilment instead:
what was cancelled goes back, the rest is kept.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import OrderItem, Payment
from . import letters


def tell(db: Session, item: OrderItem, registration_id: int) -> None:
    """Owe the mail about this booking, once, unless money has come for its order."""
    paid = select(Payment.id).where(Payment.order_id == item.order_id, Payment.captured_cents > 0)
    if db.execute(paid.limit(1)).first() is not None:
        return
    rest = select(OrderItem.id).where(OrderItem.order_id == item.order_id, OrderItem.id != item.id).limit(1)
    more = {"unpaid": True, "rest_ended": db.execute(rest).first() is not None}
    key = f"registration:{registration_id}"
    letters.owe_order_letter(db, "session_cancelled", item.order_id, key=key, only=item.id, more=more)
