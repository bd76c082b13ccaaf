"""The figures behind the charts: weeks of the club's own clock, on both databases, in one statement each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask

from app.models import LedgerEntry
from app.queries import desk_charts
from app.rules.statuses import SessionStatus
from app.transaction import transaction
from tests.support.factories import ZONE, make_club_session

AUCKLAND = ZoneInfo(ZONE)
TODAY = date(2026, 4, 8)
"""A Wednesday; the clocks went back on Sunday 5 April."""


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=AUCKLAND).astimezone(UTC)  # type: ignore[misc]


def book(key: str, debit: str, credit: str, cents: int, moment: datetime, currency: str = "NZD") -> None:
    with transaction() as db:
        db.add(LedgerEntry(entry_key=key, debit_account=debit, credit_account=credit, amount_cents=cents, currency=currency,
                           created_at=moment))  # fmt: skip


def test_fill_counts_what_is_public_in_the_week_of_the_wall_clock(app: Flask, statements: Callable[[], Any]) -> None:
    last, first = at(2026, 4, 5, 23, 30), at(2026, 4, 6, 0, 0)
    for moment, taken in ((last, 5), (first, 2), (first + timedelta(days=1), 10)):
        make_club_session(starts_at=moment, ends_at=moment + timedelta(hours=1), capacity=10, places_taken=taken)
    for status in (SessionStatus.DRAFT, SessionStatus.CANCELLED):
        make_club_session(starts_at=first, ends_at=first + timedelta(hours=1), capacity=10, status=status)
    make_club_session(starts_at=at(2026, 5, 4, 0, 0), ends_at=at(2026, 5, 4, 1, 0), capacity=10)
    with statements() as seen:
        weeks = desk_charts.fill(TODAY, AUCKLAND)
    assert len(seen) == 1 and len(weeks) == 12
    assert [weeks[0].monday, weeks[-1].monday] == [date(2026, 2, 9), date(2026, 4, 27)]
    told = [(str(week.monday), week.sessions, week.places_taken, week.capacity, week.percent) for week in weeks if week.sessions]
    assert told == [("2026-03-30", 1, 5, 10, 50), ("2026-04-06", 2, 12, 20, 60)]


def test_takings_are_what_the_ledger_says_after_refunds_in_the_clubs_currency(app: Flask, statements: Callable[[], Any]) -> None:
    sunday, monday = at(2026, 4, 5, 23, 59), at(2026, 4, 6, 0, 0)
    book("one", "stripe:clearing", "revenue:registration", 1200, sunday)
    book("two", "stripe:clearing", "revenue:membership", 6000, monday)
    book("back", "revenue:registration", "owed:refunds", 1200, monday)
    book("fee", "fees:stripe", "stripe:clearing", 65, monday)
    book("other", "stripe:clearing", "revenue:registration", 900, monday, "AUD")
    book("old", "stripe:clearing", "revenue:registration", 900, at(2026, 1, 18, 23, 59))
    with statements() as seen:
        weeks = desk_charts.takings(TODAY, AUCKLAND, "NZD")
    assert len(seen) == 1 and weeks[-1].monday == date(2026, 4, 6)
    assert [(week.sold_cents, week.back_cents, week.net_cents) for week in weeks if week.sold_cents or week.back_cents] == [
        (1200, 0, 1200), (6000, 1200, 4800),
    ]  # fmt: skip
