"""The one writer of how many of a product are taken (promise 1): by the same statement that takes places.

Called by ``product_access``, for orders being paid and for what was bought; the CHECK is the backstop.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..models import Product
from ..rules.statuses import ProductStatus
from . import writes
from .writes import changed

_P = Product
_TAKE = writes.taking(_P.stock_taken, _P.stock, _P.status == ProductStatus.PUBLISHED)
_TAKE_AGAIN = writes.taking(_P.stock_taken, _P.stock)


def take(db: Session, product_id: int) -> bool:
    """Take one, or return False: none is left, or it is not on sale."""
    return changed(db, _TAKE, {"of_row": product_id, "more": 1})


def take_again(db: Session, product_id: int) -> bool:
    """Take one for somebody who had it, on sale or not; False when none is left."""
    return changed(db, _TAKE_AGAIN, {"of_row": product_id, "more": 1})


def release(db: Session, product_id: int) -> None:
    """Give one back. Raises when more is given back than was taken."""
    after = _P.stock_taken - 1
    if not changed(db, update(_P).where(_P.id == product_id, after >= 0).values(stock_taken=after)):
        raise AssertionError(f"product {product_id} gave back more than was taken")
