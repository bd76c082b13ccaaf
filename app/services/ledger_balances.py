"""Carries the books forward: at the end of each month, what all entries up to then add up to. Called by the worker.

So a page that shows a balance reads the month's sums and what came after, and not every entry there ever was. Only months that
are over for a while are summed: an entry is booked at the time that it bears, so none can still join them. `flask doctor`
compares the newest sums with the entries.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..models import LedgerBalance, LedgerEntry
from ..queries import books_forward
from ..transaction import retried, transaction
from . import due

_KEY = (LedgerBalance.debit_account, LedgerBalance.credit_account, LedgerBalance.currency, LedgerBalance.of_refund)
_SUMMED_UNTIL = select(
    func.coalesce(
        select(func.max(LedgerBalance.until_at)).scalar_subquery(), select(func.min(LedgerEntry.created_at)).scalar_subquery()
    )
)
"""Up to when the books are summed; before that is done for the first time, when they begin."""
OVER = timedelta(days=2)
"""How long after its end a month is summed: longer than any transaction lasts."""


def carry_forward() -> int:
    """Sum up each month that is over and is not summed yet; how many months."""
    done = 0
    while _is_due() and _carry_one():
        done += 1
    return done


def _is_due() -> bool:
    """Looked up without the lock that writing takes: almost always there is nothing to do."""
    return _next_until(due.found(_SUMMED_UNTIL)[0]) is not None


@retried
def _carry_one() -> bool:
    """Sum up the first month that is not; whether there was one."""
    with transaction() as db:
        if (until := _next_until(db.execute(_SUMMED_UNTIL).scalar_one())) is None:
            return False
        db.execute(insert(LedgerBalance), _sums(db, until))
        return True


def _next_until(summed: datetime | None) -> datetime | None:
    """The end of the first month that is over and not summed; None when there is none."""
    until = _next_end(summed)
    return until if until is not None and until <= clock.now() - OVER else None


def _next_end(moment: datetime | None) -> datetime | None:
    """When the month that ``moment`` lies in ends, by the club's clock."""
    if moment is None:
        return None
    zone = ZoneInfo(current_settings().time_zone)
    last = moment.astimezone(zone).date().replace(day=28) + timedelta(days=4)
    return datetime.combine(last.replace(day=1), time(), zone)


def _sums(db: Session, until: datetime) -> list[dict[str, Any]]:
    names = [column.key for column in _KEY]
    sums = _added_up(db, books_forward.carried(until), until)
    return [{"until_at": until, **dict(zip(names, key, strict=True)), "amount_cents": cents} for key, cents in sums.items()]


def _added_up(db: Session, carried_at: datetime | None, until: datetime) -> dict[tuple[Any, ...], int]:
    """What everything before ``until`` adds up to, by the columns of ``_KEY``."""
    sums: dict[tuple[Any, ...], int] = {}
    for row in db.execute(books_forward.moves(carried_at, until)):
        key = (row.debit, row.credit, row.currency, bool(row.of_refund))
        sums[key] = sums.get(key, 0) + int(row.before) + int(row.cents)
    return sums


def differs() -> datetime | None:
    """Until when the newest sums were carried, if the entries up to then add up to something else. Reads every entry."""
    db = flask_db.session()
    until = books_forward.carried(clock.now())
    if until is None:
        return None
    rows = db.execute(select(*_KEY, LedgerBalance.amount_cents).where(LedgerBalance.until_at == until))
    return until if {tuple(row[:-1]): row.amount_cents for row in rows} != _added_up(db, None, until) else None
