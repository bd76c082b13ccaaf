"""Takings and the statement: read from the books alone, summed by session, month, kind and way to pay, equal to the last cent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from flask import Flask

from app.extensions import db
from app.models import Payment
from app.queries import desk_statement, desk_takings
from app.queries.desk_money import Period
from app.queries.desk_takings import By, Line
from app.services import ledger, reconciling
from app.transaction import transaction
from tests.support.booking import balances, begin
from tests.support.clock import FakeClock
from tests.support.factories import ZONE, make_club_session, make_plan, make_user
from tests.support.money import many_orders
from tests.support.rows import the

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31), ZONE)


def lines(by: By, period: Period = YEAR) -> list[Line]:
    """The takings in NZD, which is all there is."""
    db.session.remove()
    found = desk_takings.takings(period, by)
    assert [sums.currency for sums in found] in ([], ["NZD"])
    return found[0].lines if found else []


def figures(line: Line) -> tuple[int, int, int, int, int]:
    return line.gross_cents, line.back_cents, line.fee_cents, line.disputed_cents, line.net_cents


def test_each_way_of_summing_comes_to_the_same_and_to_the_books(app: Flask) -> None:
    badminton, pottery = make_club_session(title="Badminton"), make_club_session(title="Pottery")
    many_orders(badminton, 3)
    many_orders(pottery, 2)
    for by in By:
        found = lines(by)
        assert [sum(column) for column in zip(*map(figures, found), strict=True)] == [6000, 3000, 310, 0, 2690], by
    assert {line.title: figures(line) for line in lines(By.SESSION)} == {
        "Badminton": (3600, 1800, 186, 0, 1614), "Pottery": (2400, 1200, 124, 0, 1076),
    }  # fmt: skip
    assert balances()["stripe:clearing"] == 2690


def test_a_fee_is_shared_among_what_its_payment_bought_to_the_cent(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    person = make_user(email="aroha@club.example")
    begin(make_club_session(title="Badminton"), email="aroha@club.example", user_id=person.id, join_plan=make_plan().slug,
          expected_price_cents=800)  # fmt: skip
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(hours=1)
    reconciling.reconcile()
    fee = the(Payment).fee_cents or 0
    kinds = {line.account: figures(line) for line in lines(By.KIND)}
    assert fee == 214 and sum(one[2] for one in kinds.values()) == fee
    assert kinds == {"revenue:membership": (6000, 0, 188, 0, 5812), "revenue:registration": (800, 0, 26, 0, 774)}
    assert [(line.title, line.fee_cents) for line in lines(By.SESSION)] == [("Badminton", 26), (None, 188)]


def test_a_month_ends_at_midnight_by_the_clubs_clock(app: Flask, clock: FakeClock) -> None:
    session = make_club_session()
    many_orders(session, 1)
    clock.advance(days=60)
    many_orders(session, 1)
    assert [(line.month, line.gross_cents) for line in lines(By.MONTH)] == [(date(2026, 5, 1), 1200), (date(2026, 3, 1), 1200)]
    (march,) = lines(By.MONTH, Period(date(2026, 3, 3), date(2026, 3, 3), ZONE))
    assert march.net_cents == 1200 - 600 - 62
    assert lines(By.MONTH, Period(date(2026, 3, 4), date(2026, 3, 31), ZONE)) == []


def test_ways_to_pay_are_told_apart(app: Flask) -> None:
    session = make_club_session()
    many_orders(session, 1)
    with transaction() as session_:
        session_.get_one(Payment, the(Payment).id).provider = "bank"
    assert [(line.provider, line.gross_cents) for line in lines(By.PROVIDER)] == [("bank", 1200)]
    with transaction() as session_:
        ledger.book(session_, "kept", ledger.SUSPENSE, ledger.revenue("other"), 300, "NZD")
    assert {line.provider: line.gross_cents for line in lines(By.PROVIDER)} == {"bank": 1200, "stripe": 300}


def test_a_dispute_is_a_cost_until_it_is_won(app: Flask) -> None:
    many_orders(make_club_session(title="Badminton"), 1)
    with transaction() as session_:
        ledger.book(session_, "d:held", ledger.DISPUTES, ledger.CLEARING, 600, "NZD", payment_id=the(Payment).id)
    assert figures(lines(By.SESSION)[0]) == (1200, 600, 62, 600, -62)
    with transaction() as session_:
        ledger.book(session_, "d:won", ledger.CLEARING, ledger.DISPUTES, 600, "NZD", payment_id=the(Payment).id)
    assert figures(lines(By.SESSION)[0]) == (1200, 600, 62, 0, 538)


def test_money_that_moved_with_its_booking_is_sold_once_and_given_back_to_nobody(app: Flask) -> None:
    old, new = make_club_session(title="Old"), make_club_session(title="New")
    many_orders(old, 1)
    with transaction() as session_:
        ledger.book(session_, "m:out", ledger.revenue("registration"), ledger.MOVED, 600, "NZD", club_session_id=old.id)
        ledger.book(session_, "m:in", ledger.MOVED, ledger.revenue("registration"), 600, "NZD", club_session_id=new.id)
    shown = {line.title: (line.gross_cents, line.back_cents) for line in lines(By.SESSION)}
    assert shown == {"Old": (600, 600), "New": (600, 0)}
    assert [(line.gross_cents, line.back_cents) for line in lines(By.KIND)] == [(1200, 600)]


def test_a_fee_of_what_was_not_sold_is_not_lost(app: Flask) -> None:
    with transaction() as session_:
        ledger.book(session_, "fee", ledger.FEES, ledger.CLEARING, 62, "NZD")
    for by in By:
        (line,) = lines(by)
        assert figures(line) == (0, 0, 62, 0, -62), by


def test_takings_take_four_statements_however_much_was_sold(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    many_orders(make_club_session(), 300)
    for by in By:
        with statements() as seen:
            lines(by)
        assert len(seen) <= 4


def test_the_statement_adds_up_to_zero_and_says_what_is_at_stripe(app: Flask, clock: FakeClock) -> None:
    session = make_club_session()
    many_orders(session, 2)
    clock.advance(days=40)
    many_orders(session, 1)
    (april,) = desk_statement.statements(Period(date(2026, 4, 1), date(2026, 4, 30), ZONE))
    shown = {line.account: (line.opening_cents, line.debit_cents, line.credit_cents, line.closing_cents)
             for line in april.accounts}  # fmt: skip
    assert shown == {
        "revenue:registration": (-1200, 600, 1200, -1800), "owed:refunds": (0, 600, 600, 0), "fees:stripe": (124, 62, 0, 186),
        "stripe:clearing": (1076, 1200, 662, 1614),
    }  # fmt: skip
    assert april.adds_up and april.total.debit_cents == april.total.credit_cents == 2462
    assert april.at_stripe_cents == 1614 == balances()["stripe:clearing"]


def test_the_statement_names_the_comparison_by_then_and_the_latest(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    march = Period(date(2026, 3, 1), date(2026, 3, 31), ZONE)
    assert desk_statement.compared(march) == (None, None)
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    reconciling.reconcile()
    clock.advance(days=40)
    db.session.remove()
    reconciling.reconcile()
    db.session.remove()
    by_then, last = desk_statement.compared(march)
    assert by_then and last and by_then.at < last.at and by_then.equal and last.ledger_cents == 1200 - 62
