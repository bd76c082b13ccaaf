"""Baskets that nobody has touched for days are forgotten, with what is in them. Called by the worker."""

from __future__ import annotations

from sqlalchemy import delete, select

from .. import clock
from ..models import Basket, BasketItem
from ..transaction import retried, transaction
from .baskets import KEEP

BATCH = 500


@retried
def forget_old() -> int:
    """Delete baskets that nobody has touched for KEEP; how many."""
    old = select(Basket.id).where(Basket.used_at <= clock.now() - KEEP).order_by(Basket.used_at).limit(BATCH)
    with transaction() as db:
        ids = db.execute(old).scalars().all()
        if ids:
            db.execute(delete(BasketItem).where(BasketItem.basket_id.in_(ids)))
            db.execute(delete(Basket).where(Basket.id.in_(ids)))
        return len(ids)
