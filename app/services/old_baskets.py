"""Baskets that nobody has touched for days are forgotten, with what is in them. Called by the worker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from .. import clock
from ..models import Basket, BasketItem
from ..transaction import retried, transaction
from . import due
from .baskets import KEEP

BATCH = 500


_OLD = select(Basket.id).where(Basket.used_at <= bindparam("before")).order_by(Basket.used_at).limit(BATCH)


def forget_old() -> int:
    """Delete baskets that nobody has touched for KEEP; how many."""
    before = clock.now() - KEEP
    return _forget(before) if due.found(_OLD, before=before) else 0


@retried
def _forget(before: datetime) -> int:
    with transaction() as db:
        ids = db.execute(_OLD, {"before": before}).scalars().all()
        db.execute(delete(BasketItem).where(BasketItem.basket_id.in_(ids)))
        db.execute(delete(Basket).where(Basket.id.in_(ids)))
        return len(ids)
