"""The unpaid order that a basket was last checked out as: whether it still holds what is in it. Called by ``baskets``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import clock
from ..models import Basket, BasketItem, ClubSession, Order, OrderItem, Registration
from ..rules.statuses import ItemKind, OrderStatus
from ..rules.vouchers import normalise
from . import vouchers


def holding(db: Session, basket: Basket) -> int | None:
    """Its unpaid order: what that keeps, a code's use too, is free for this basket when it is checked out again."""
    pending = select(Order.id).where(Order.id == basket.order_id, Order.status == OrderStatus.PENDING)
    return None if basket.order_id is None else db.execute(pending).scalar_one_or_none()


def keeps(db: Session, order_id: int | None, row: BasketItem) -> bool:
    """Whether that order has what this line asks for, though its number may be another by now."""
    if order_id is None or row.order_id == order_id:
        return order_id is not None
    its = select(Registration.id).join(ClubSession, ClubSession.id == Registration.club_session_id)
    its = its.where(Registration.order_id == order_id, ClubSession.slug == row.slug).limit(1)
    return row.kind is ItemKind.REGISTRATION and db.execute(its).first() is not None


def still_the_same(
    db: Session, basket: Basket, rows: Sequence[BasketItem], email: str | None, code: str, seen_cents: int | None
) -> str | None:
    """The open order that holds exactly these lines for this buyer, with this code: it is gone on with.

    One that asks for more than the page showed (``seen_cents``) is another: the price fell since. One that asks for less is
    kept to, as the hold is.
    """
    if basket.order_id is None or any(row.order_id != basket.order_id for row in rows):
        return None
    if vouchers.of_order(db, basket.order_id) != normalise(code):
        return None
    not_dearer = () if seen_cents is None else (Order.total_cents <= seen_cents,)
    count = select(func.count()).select_from(OrderItem).where(OrderItem.order_id == Order.id).scalar_subquery()
    statement = select(Order.token).where(
        Order.id == basket.order_id, Order.email == email, count == len(rows),
        Order.status == OrderStatus.PENDING, Order.hold_expires_at > clock.now(), Order.cancel_requested_at.is_(None),
        *not_dearer,
    )  # fmt: skip
    return db.execute(statement).scalar_one_or_none()
