"""What went from where to where up to a moment: the sums of the last month that was carried forward, and the entries since.

Read by the treasurer's pages, and by the worker that carries the next month forward.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Select, case, func, literal, select, true, union_all

from ..extensions import db
from ..models import LedgerBalance, LedgerEntry

_B, _L = LedgerBalance, LedgerEntry


def carried(begins_at: datetime) -> datetime | None:
    """The last moment up to then for which there are sums. One statement."""
    moment: datetime | None = db.session.execute(select(func.max(_B.until_at)).where(_B.until_at <= begins_at)).scalar_one()
    return moment


def moves(carried_at: datetime | None, ends_at: datetime, begins_at: datetime | None = None) -> CompoundSelect[Any]:
    """``debit``, ``credit``, ``currency`` and ``of_refund`` of what moved, with its cents ``before`` and since ``begins_at``.

    A move has a row of the sums and one of the entries. Without ``begins_at`` all entries after the sums are since then.
    """
    columns = (_B.debit_account.label("debit"), _B.credit_account.label("credit"), _B.currency, _B.of_refund)
    none = literal(0)
    sums = select(*columns, _B.amount_cents.label("before"), none.label("cents"), none.label("number"))
    return union_all(sums.where(_B.until_at == carried_at), _entries(carried_at, ends_at, begins_at))


def _entries(carried_at: datetime | None, ends_at: datetime, begins_at: datetime | None) -> Select[Any]:
    of_refund = _L.refund_id.is_not(None)
    columns = (_L.debit_account.label("debit"), _L.credit_account.label("credit"), _L.currency, of_refund.label("of_refund"))
    within = _L.created_at >= begins_at if begins_at is not None else true()
    cents = (func.coalesce(func.sum(case((when, _L.amount_cents))), 0) for when in (~within, within))
    sums = zip(cents, ("before", "cents"), strict=True)
    entries = select(*columns, *(cents.label(name) for cents, name in sums), func.count(case((within, _L.id))).label("number"))
    entries = entries.where(_L.created_at < ends_at).group_by(_L.debit_account, _L.credit_account, _L.currency, of_refund)
    return entries.where(_L.created_at >= carried_at) if carried_at is not None else entries
