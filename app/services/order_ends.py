"""Ends an order when its last line has ended: a booking of several is cancelled by itself, and the rest of the order goes on.

Called, in the transaction that ended a booking and with the order locked, by whatever cancels one or winds a session up.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderItem, Registration
from ..queries import item_facts
from ..rules.statuses import ACTIVE, OrderStatus
from . import audit, orders


def end_if_over(db: Session, order: Order, target: OrderStatus, actor: str) -> bool:
    """End the order as ``target`` unless something else of it goes on; whether it ended now."""
    if _goes_on(db, order) or not orders.move(db, order.id, target, hold_expires_at=None):
        return False
    audit.record(db, actor, target, "order", order.id)
    return True


def _goes_on(db: Session, order: Order) -> bool:
    """Whether another booking of it is active, or (paid) something else that was bought with it is still had."""
    active = select(Registration.id).where(Registration.order_id == order.id, Registration.status.in_(ACTIVE))
    if db.execute(active.limit(1)).first() is not None:
        return True
    if order.status is not OrderStatus.PAID:
        return False
    others = select(OrderItem.kind).where(OrderItem.order_id == order.id, OrderItem.registration_id.is_(None))
    facts = item_facts.of_order(db, order.id, db.execute(others).scalars().all())
    return any(not one.over for one in facts.values())
