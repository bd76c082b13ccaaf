"""A difference between our books and Stripe's is one open case a payment, however often it comes, goes and comes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.integrations import gateway
from app.integrations.payments import Movement
from app.models import Case, Reconciliation
from app.queries import desk_money
from app.queries.desk_money import Period
from app.queries.desk_takings import By, takings
from app.services import cancelling, cases, holding_against, ledger, reconciling
from app.transaction import transaction
from tests.support.booking import balances, begin, payments_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def test_a_difference_that_comes_back_is_a_new_case_and_one_that_was_explained_is_not(
    sqlite_app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    payment_id = payments_of(token)[0].id

    def compare(key: str = "", more: int = 0) -> list[str | None]:
        """How each case stands after a comparison, once the books say ``more`` than they did."""
        with transaction() as db:
            accounts = (ledger.CLEARING, ledger.SUSPENSE) if more > 0 else (ledger.SUSPENSE, ledger.CLEARING)
            ledger.book(db, key or "none", *accounts, abs(more), "NZD", payment_id=payment_id)
        clock.advance(minutes=20)
        reconciling.reconcile()
        return [case.resolution for case in all_of(Case)]

    assert compare() == []
    assert compare("a", 100) == [None] and compare() == [None], "once, however often it is compared"
    assert compare("b", -100) == ["equal again"]
    assert compare("c", 100) == ["equal again", None], "it is back: never in silence"
    cases.close(all_of(Case)[1].id, "A fee we know", "user:1")
    assert compare() == ["equal again", "A fee we know"], "a person has explained just this difference"
    assert compare("d", 50) == ["equal again", "A fee we know", None], "but not this one"
    assert all_of(Case)[2].detail == {"stripe_cents": 1138, "ledger_cents": 1288}
    assert clock.now - all_of(Case)[2].created_at < timedelta(minutes=1)


def paid(stripe: Any, **changes: Any) -> str:
    token = begin(make_club_session(**changes))
    stripe.pay()
    stripe.deliver()
    return token


def stripe_says(patch: pytest.MonkeyPatch, change: Callable[[list[Movement]], list[Movement]]) -> None:
    """Have Stripe's own books be what ``change`` makes of the simulator's, newest first."""
    movements = gateway().movements
    patch.setattr(gateway(), "movements", lambda: iter(change(list(movements()))))


def fee_comes_back(lines: list[Movement]) -> list[Movement]:
    """With the newest of them, Stripe gives the fee of a dispute back."""
    return [replace(lines[0], net_cents=lines[0].net_cents + 1500, fee_cents=-1500), *lines[1:]]


def test_fee_that_stripe_gives_back_is_booked_the_other_way_round(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = paid(stripe_simulator)
    dispute = stripe_simulator.control.dispute(payments_of(token)[0].payment_intent_id)
    stripe_simulator.control.close_dispute(dispute["id"], "won")
    stripe_simulator.deliver()
    clock.advance(minutes=11)
    assert reconciling.reconcile().in_order and payments_of(token)[0].fee_cents == 62 + 1500
    stripe_says(monkeypatch, fee_comes_back)
    assert reconciling.reconcile().in_order and reconciling.reconcile().in_order
    assert payments_of(token)[0].fee_cents == 62 and balances()["fees:stripe"] == 62
    period = Period((clock.now - timedelta(days=1)).date(), (clock.now + timedelta(days=1)).date(), "UTC")
    [line] = takings(period, By.KIND)
    [books] = desk_money.books(period)
    assert (line.total.fee_cents, books.fee_cents, books.payments) == (62, 62, 1)


def test_fee_given_back_of_a_payment_we_do_not_know_stops_nothing(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(stripe_simulator)
    clock.advance(minutes=11)
    odd = {"id": "txn_back", "payment_intent_id": "pi_restored", "ours": True}
    stripe_says(monkeypatch, lambda lines: [replace(lines[0], net_cents=30, fee_cents=-30, **odd), *lines])
    report = reconciling.reconcile()
    assert (report.failed, report.difference_cents) == (0, 0) and the(Case).kind == "unknown_payment"
    assert balances()["fees:stripe"] == 62 - 30 and count_of(Reconciliation) == 1


@pytest.mark.parametrize("breaks", ["_book_fees", "_judge", "_unknown"])
def test_one_payment_that_cannot_be_booked_does_not_hide_the_rest(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    tokens = [paid(stripe_simulator) for _ in range(2)]
    clock.advance(minutes=11)
    odd = {"net_cents": 500, "fee_cents": 0, "ours": True}
    strange = [("txn_1", "pi_1"), ("txn_2", "pi_2")]
    stripe_says(
        monkeypatch,
        lambda lines: [*(replace(lines[0], id=of, payment_intent_id=intent, **odd) for of, intent in strange), *lines],
    )
    done: list[Any] = []
    right: Callable[..., Any] = getattr(holding_against, breaks)

    def first_breaks(*args: Any) -> Any:
        done.append(args)
        if len(done) == 1:
            raise ValueError("a bug")
        return right(*args)

    monkeypatch.setattr(holding_against, breaks, first_breaks)
    report = reconciling.reconcile()
    assert report.failed == 1 and not report.in_order and len(done) == 2
    known = {case.detail["payment_intent"] for case in all_of(Case, kind="unknown_payment")}
    assert known == ({"pi_2"} if breaks == "_unknown" else {"pi_1", "pi_2"})
    fees = [payments_of(token)[0].fee_cents for token in tokens]
    assert fees == ([None, 62] if breaks == "_book_fees" else [62, 62])


def test_payment_that_stripe_converts_is_compared_in_its_own_currency(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, home = paid(stripe_simulator, currency="AUD"), paid(stripe_simulator, slug="home")
    abroad = payments_of(token)[0].payment_intent_id

    def converted(lines: list[Movement]) -> list[Movement]:
        """The account keeps NZ$ only: Stripe converts at 1.10, and takes its fee of what comes out."""
        sign = {line.id: 1 if line.net_cents > 0 else -1 for line in lines}
        return [
            replace(line, net_cents=sign[line.id] * 1320 - 65, fee_cents=65, currency="NZD")
            if line.payment_intent_id == abroad
            else line
            for line in lines
        ]

    stripe_says(monkeypatch, converted)
    clock.advance(minutes=11)
    report = reconciling.reconcile()
    assert dict(report.sums) == {"AUD": [1200, 1200], "NZD": [1138, 1138]} and report.difference_cents == 0
    case = the(Case)
    assert (case.kind, case.detail) == ("currency_converted", {"currency": "AUD", "into": "NZD"})
    assert payments_of(token)[0].fee_cents is None and payments_of(home)[0].fee_cents == 62
    assert (the(Reconciliation).stripe_cents, the(Reconciliation).ledger_cents) == (1138, 1138)
    cases.close(case.id, "Fees are in Stripe's report", "user:1")
    cancelling.cancel_order(token)
    work()
    stripe_simulator.deliver()
    clock.advance(minutes=11)
    report = reconciling.reconcile()
    assert report.in_order and report.sums["AUD"] == [0, 0], "told once; and a refund is compared alike"
    stripe_says(monkeypatch, lambda lines: lines[1:])
    assert reconciling.reconcile().difference_cents == 1200 and the(Case, kind="books_differ").payment_id
