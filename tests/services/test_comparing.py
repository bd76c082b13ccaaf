"""A comparison that somebody asked for: the worker makes it, once, and the row says how it went, whatever crashes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, ComparisonRequest, Payment, Reconciliation
from app.services import comparing, reconciling
from app.services.holding_against import Report
from app.transaction import transaction
from tests.support.booking import at_once, begin, do_not_pause, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def asked() -> str | None:
    return the(ComparisonRequest).outcome


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def test_asking_writes_a_row_and_the_worker_compares(app: Flask, stripe_simulator: Any) -> None:
    comparing.ask("user:1")
    comparing.ask("user:2")  # while one is wanted, another press wants nothing more
    assert the(ComparisonRequest).actor == "user:1" and the(AuditEntry, action="comparison_asked").actor == "user:1"
    assert count_of(Reconciliation) == 0, "nothing runs inside the request"
    work()
    assert asked() == "equal" and count_of(Reconciliation) == 1
    comparing.ask("user:2")
    assert count_of(ComparisonRequest) == 2


@pytest.mark.databases("sqlite")
def test_it_says_that_the_books_differ(app: Flask, stripe_simulator: Any) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    with transaction() as db:  # behind our back
        db.execute(update(Payment).values(payment_intent_id="pi_gone"))
    comparing.ask("user:1")
    work()
    assert asked() == "different"


@pytest.mark.databases("sqlite")
def test_it_says_that_stripe_was_away(app: Flask, stripe_simulator: Any) -> None:
    stripe_simulator.control.fail("*", "timeout", times=50, seconds=0)
    comparing.ask("user:1")
    assert work().failed == [] and asked() == "unreachable" and count_of(Reconciliation) == 0


def test_two_workers_compare_once(app: Flask, stripe_simulator: Any) -> None:
    comparing.ask("user:1")
    at_once(app, *[comparing.run_asked] * 3)
    assert asked() == "equal" and count_of(Reconciliation) == 1


def test_what_died_with_its_worker_is_run_again_after_its_lease(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    comparing.ask("user:1")
    with transaction() as db:
        db.execute(update(ComparisonRequest).values(claimed_at=clock.now.replace()))
    work()
    assert asked() is None, "another worker may still be at it"
    clock.advance(minutes=comparing.LEASE // timedelta(minutes=1) + 1)
    work()
    assert asked() == "equal"


@pytest.mark.databases("sqlite")
def test_error_of_ours_ends_the_request_and_is_named(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Report:
        raise RuntimeError("broken")

    monkeypatch.setattr(reconciling, "reconcile", broken)
    comparing.ask("user:1")
    assert work().failed == ["comparisons asked for"] and [row.outcome for row in all_of(ComparisonRequest)] == ["failed"]
