"""Lets go of everything an order kept, in the transaction that learned that it can no longer be paid. Called by fulfilment
and ending.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..models import Order
from ..rules.statuses import OrderStatus
from . import audit, items, order_lines, orders, vouchers


def release_order(db: Session, order: Order, ended: OrderStatus, actor: str) -> bool:
    """End an unpaid order as ``expired`` or ``cancelled`` and release each item; False when it had already ended.

    False for a paid one too: it may have been paid since its caller looked. ``order`` is as it is under its lock.
    """
    if order.status is OrderStatus.PAID or not orders.move(db, order.id, ended, hold_expires_at=None, settles=False):
        return False
    kept = order_lines.of_order(db, order.id)
    for item in kept:
        items.handler(item.kind).release(db, item, ended, actor)
    vouchers.settle(db, order.id)
    audit.record(db, actor, ended, "order", order.id)
    return True
