"""What monitors are told: alive without the database, ready only with it, and how late the background work is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flask import Flask

from tests.support.booking import begin, work
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.outage import database_away
from tests.support.pages import PageClient

KINDS = {"mail", "holds", "payments", "refunds", "events", "changes"}


def test_alive_is_answered_without_a_statement_or_a_cookie(
    sqlite_app: Flask, pages: PageClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with statements() as seen:
        page = pages.get("/healthz")
    assert (page.status, page.response.get_json(), seen) == (200, {"status": "ok"}, [])
    assert "Set-Cookie" not in page.headers


def test_ready_says_how_late_each_kind_of_work_is(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, clock: Any
) -> None:
    answer = pages.get("/readyz").response.get_json()
    assert answer["status"] == "ready" and set(answer["oldestDueSeconds"]) >= KINDS
    assert not any(answer["oldestDueSeconds"].values())
    begin(make_free_club_session(), expected_price_cents=0)
    begin(make_club_session())
    clock.advance(minutes=31)
    late = pages.get("/readyz").response.get_json()["oldestDueSeconds"]
    assert (late["mail"], late["holds"]) == (31 * 60, 60) and late["payments"] > 0
    work()
    assert not any(pages.get("/readyz").response.get_json()["oldestDueSeconds"].values())


def test_without_the_database_the_site_is_alive_and_not_ready(sqlite_app: Flask, pages: PageClient) -> None:
    with database_away(sqlite_app):
        assert pages.get("/healthz").status == 200
        page = pages.get("/readyz")
        assert page.status == 503 and page.headers["Retry-After"] == "30"
    assert pages.get("/readyz").status == 200


def test_monitors_are_told_of_nobody(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    begin(make_free_club_session(), expected_price_cents=0, email="ana@example.org")
    assert all(isinstance(seconds, int) for seconds in pages.get("/readyz").response.get_json()["oldestDueSeconds"].values())
    assert "@" not in pages.get("/readyz").html
