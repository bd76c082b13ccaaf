"""Weekly by the clock on the wall: which days come, and what moment it is when the clocks show the same time on another day.

Called by the services that copy, repeat and move club sessions. Daylight saving moves the moment, never the time people read.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)
MOST_WEEKS = 52
"""A year of sessions at once; who wants more repeats the last of them."""


def weekly_days(first: date, *, weeks: int | None = None, until: date | None = None) -> list[date]:
    """The same day of the following weeks: that many, or up to and with ``until``; never more than ``MOST_WEEKS``.

    Raises ValueError unless exactly one of the two is given.
    """
    if (weeks is None) == (until is None):
        raise ValueError("either weeks or until")
    days = [first + WEEK * number for number in range(1, MOST_WEEKS + 1)]
    return days[: max(0, weeks)] if weeks is not None else [on for on in days if until is not None and on <= until]


def wall(moment: datetime, zone: str) -> datetime:
    """What the clocks of the zone show at a moment: naive, because it is no moment by itself."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def moved(moment: datetime, zone: str, by: timedelta) -> datetime:
    """The moment (UTC) at which the clocks of the zone show ``by`` more than at ``moment``.

    A time that comes twice is the first; one that the clocks skip is as much later as they jump (RFC 5545, 3.3.5).
    """
    if not by:
        return moment.astimezone(UTC)
    return (wall(moment, zone) + by).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def moved_span(starts_at: datetime, ends_at: datetime, zone: str, by: timedelta) -> tuple[datetime, datetime]:
    """A start and its end, both moved. Where the clocks would swallow what lies between, it keeps its length."""
    starts, ends = moved(starts_at, zone, by), moved(ends_at, zone, by)
    return starts, ends if ends > starts else starts + (ends_at - starts_at)
