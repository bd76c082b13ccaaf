"""How full the sessions are and what comes in, week by week: the figures behind the charts of the desk's first page.

Called by the admin blueprint; one statement for each chart, however much there is. Weeks begin on Monday where the club is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, or_, select

from ..extensions import db
from ..models import ClubSession, LedgerEntry
from ..rules.statuses import SessionStatus

_C, _L = ClubSession, LedgerEntry
REVENUE = "revenue:"
WEEKS = 12
COMING = 3
"""How many of the weeks of fill are still to come."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FillWeek:
    """The published sessions that start in one week. ``monday`` is the club's."""

    monday: date
    sessions: int
    places_taken: int
    capacity: int

    @property
    def percent(self) -> int:
        """How much of the room is taken; more than 100 where the committee overbooked."""
        return round(100 * self.places_taken / self.capacity) if self.capacity else 0


@dataclass(frozen=True, slots=True)
class TakingsWeek:
    """What was sold in one week and what was decided to go back, in minor units of the club's currency, by the ledger."""

    monday: date
    sold_cents: int
    back_cents: int

    @property
    def net_cents(self) -> int:
        return self.sold_cents - self.back_cents


def fill(today: date, zone: ZoneInfo) -> list[FillWeek]:
    """The weeks up to this one and the next few, oldest first."""
    mondays = _mondays(today, last=COMING)
    week = _week_of(_C.starts_at, mondays, zone)
    public = _C.status.in_([SessionStatus.PUBLISHED, SessionStatus.COMPLETED])
    rows = db.session.execute(
        select(week.label("week"), func.count(), func.sum(_C.places_taken), func.sum(_C.capacity))
        .where(public, *_within(_C.starts_at, mondays, zone)).group_by(week)
    )  # fmt: skip
    found = {number: (int(count), int(taken), int(room)) for number, count, taken, room in rows}
    return [FillWeek(monday, *found.get(number, (0, 0, 0))) for number, monday in enumerate(mondays)]


def takings(today: date, zone: ZoneInfo, currency: str) -> list[TakingsWeek]:
    """The weeks up to this one, oldest first."""
    mondays = _mondays(today, last=0)
    week = _week_of(_L.created_at, mondays, zone)
    sold, back = _L.credit_account.startswith(REVENUE), _L.debit_account.startswith(REVENUE)
    rows = db.session.execute(
        select(
            week.label("week"), func.coalesce(func.sum(case((sold, _L.amount_cents))), 0),
            func.coalesce(func.sum(case((back, _L.amount_cents))), 0),
        )
        .where(or_(sold, back), _L.currency == currency, *_within(_L.created_at, mondays, zone)).group_by(week)
    )  # fmt: skip
    found = {number: (int(come), int(gone)) for number, come, gone in rows}
    return [TakingsWeek(monday, *found.get(number, (0, 0))) for number, monday in enumerate(mondays)]


def _mondays(today: date, *, last: int) -> list[date]:
    """The Mondays of twelve weeks; the last of them is so many weeks after this one."""
    this = today - timedelta(days=today.weekday())
    return [this + WEEK * number for number in range(last + 1 - WEEKS, last + 1)]


def _begins(monday: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(monday, time(), zone).astimezone(UTC)


def _within(column: Any, mondays: Sequence[date], zone: ZoneInfo) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column >= _begins(mondays[0], zone), column < _begins(mondays[-1] + WEEK, zone)


def _week_of(column: Any, mondays: Sequence[date], zone: ZoneInfo) -> ColumnElement[int]:
    """The number of the week that a moment is in: weeks of the wall clock, which the database cannot count itself."""
    ends = [(column < _begins(monday + WEEK, zone), number) for number, monday in enumerate(mondays)]
    return case(*ends, else_=len(mondays))
