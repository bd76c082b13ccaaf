"""A difference between our books and Stripe's is one open case a payment, however often it comes, goes and comes again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from app.models import Case
from app.services import cases, ledger, reconciling
from app.transaction import transaction
from tests.support.booking import begin, payments_of
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of


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
