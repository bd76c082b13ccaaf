"""The rows of the books, each with the order and the session it is about. Called by the admin blueprint."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, union
from sqlalchemy.orm import InstrumentedAttribute

from ..extensions import db
from ..models import ClubSession, LedgerEntry, Order, Payment, Refund
from .desk_listing import Listing

_L, _P, _R = LedgerEntry, Payment, Refund


def _rows() -> Select[Any]:
    return (
        select(
            _L.created_at, _L.debit_account, _L.credit_account, _L.amount_cents, _L.currency, _L.entry_key, Order.token,
            Order.reference, Order.name, _P.provider, _P.payment_intent_id, _R.provider_ref, ClubSession.title, ClubSession.slug,
        )
        .outerjoin(_P, _P.id == _L.payment_id)
        .outerjoin(Order, Order.id == _P.order_id)
        .outerjoin(_R, _R.id == _L.refund_id)
        .outerjoin(ClubSession, ClubSession.id == _L.club_session_id)
    )  # fmt: skip


def _touches(account: str) -> ColumnElement[bool]:
    return or_(_L.debit_account == account, _L.credit_account == account)


LEDGER = Listing(
    _rows,
    (Order.name, Order.email, Order.reference, _P.payment_intent_id, _P.checkout_id, _R.provider_ref, ClubSession.title),
    key=_L.id, at=_L.created_at, cents=_L.amount_cents, provider=_P.provider, of_kind=_touches,
)  # fmt: skip
"""``kind`` is an account that the row debits or credits."""


def accounts() -> list[str]:
    """Every account of the books. One statement, that looks each up by its index instead of reading all rows."""
    return sorted(db.session.execute(union(_distinct(_L.debit_account), _distinct(_L.credit_account))).scalars())


def _distinct(column: InstrumentedAttribute[str]) -> Select[str]:
    """The values of an indexed column: the least, then each time the least that is greater."""
    found = select(func.min(column).label("value")).cte(f"each_{column.key}", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).correlate(found).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))
