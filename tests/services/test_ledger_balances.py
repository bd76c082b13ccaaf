"""The books carried forward: the same figures as from every entry, read from the month's sums and what came after."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.extensions import db
from app.models import LedgerBalance, LedgerEntry
from app.queries import books_forward, desk_money, desk_statement
from app.queries.desk_money import Period
from app.services import health_check, ledger, ledger_balances
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.factories import ZONE, make_club_session
from tests.support.money import many_orders
from tests.support.plans import plans
from tests.support.rows import count_of

PERIODS = [Period(date(2026, 1, 1), date(2026, 12, 31), ZONE), Period(date(2026, 4, 1), date(2026, 4, 30), ZONE),
           Period(date(2026, 5, 7), date(2026, 5, 20), ZONE), Period(date(2027, 1, 1), date(2027, 1, 31), ZONE)]  # fmt: skip


@pytest.fixture
def four_months(app: Flask, clock: FakeClock) -> None:
    """Sales and refunds in four months, the last one not over, in two currencies; one entry in the last minute of a month."""
    session = make_club_session()
    for month in (3, 4, 5, 6):
        clock.set(datetime(2026, month, 12, 3, tzinfo=UTC))
        many_orders(session, month)
    clock.set(datetime(2026, 4, 30, 11, 59, tzinfo=UTC))  # a minute before May begins in Auckland
    with transaction() as own:
        ledger.book(own, "late", ledger.CLEARING, ledger.revenue("registration"), 700, "NZD")
        ledger.book(own, "euro", ledger.CLEARING, ledger.revenue("registration"), 900, "EUR")
    clock.set(datetime(2026, 6, 12, 4, tzinfo=UTC))


def figures() -> list[object]:
    db.session.remove()
    return [(desk_money.books(period), desk_statement.statements(period)) for period in PERIODS]


@pytest.mark.usefixtures("four_months")
def test_figures_are_the_same_when_the_books_are_carried_forward() -> None:
    before = figures()
    assert ledger_balances.carry_forward() == 3 and ledger_balances.carry_forward() == 0, "June is not over"
    assert figures() == before
    assert all(statement.adds_up for period in PERIODS for statement in desk_statement.statements(period))
    assert health_check.findings() == [] or all("Ledger" not in finding for finding in health_check.findings())


@pytest.mark.usefixtures("four_months")
def test_only_entries_since_the_last_sums_are_read() -> None:
    ledger_balances.carry_forward()
    with transaction() as own:  # a sum that is wrong shows in what is read from it, and in nothing else
        own.execute(sa.update(LedgerBalance).values(amount_cents=LedgerBalance.amount_cents + 1))
    assert any(line.opening_cents % 100 for book in desk_money.books(PERIODS[2]) for line in book.accounts)
    assert any("carried forward" in finding for finding in health_check.findings()), "and the doctor sees it"


@pytest.mark.usefixtures("four_months")
def test_what_came_since_the_last_sums_is_found_by_its_time() -> None:
    ledger_balances.carry_forward()
    lines = plans(lambda: desk_money.books(PERIODS[3])).splitlines()
    plan = next(line for line in lines if "created_at>" in line or "created_at >=" in line)
    assert "created_at<?" in plan or "created_at <" in plan, plan


def test_month_is_summed_two_days_after_its_end_by_the_clubs_clock(app: Flask, clock: FakeClock) -> None:
    assert ledger_balances.carry_forward() == 0, "an empty book has nothing to carry"
    many_orders(make_club_session(), 1)
    begins = clock.now.replace(day=1, hour=11, minute=0) + timedelta(days=32)
    end = begins.replace(day=1) - timedelta(days=1)  # 1 April begins in Auckland at 11:00 UTC on the day before
    clock.set(end + ledger_balances.OVER - timedelta(minutes=1))
    assert ledger_balances.carry_forward() == 0
    clock.set(end + ledger_balances.OVER)
    assert ledger_balances.carry_forward() == 1
    assert books_forward.carried(clock.now) == end


def test_long_past_is_carried_forward_at_once(app: Flask, clock: FakeClock) -> None:
    many_orders(make_club_session(), 1)
    entries = count_of(LedgerEntry)
    clock.set(clock.now + timedelta(days=800))
    assert ledger_balances.carry_forward() > 20
    assert count_of(LedgerBalance) % entries == 0, "a month without entries has the sums of the one before"
