"""PostgreSQL's patience is bounded: for a lock, for a statement, for a transaction that does nothing.

People are asked to come again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app import postgresql
from app.extensions import db
from app.models import ClubSession
from app.postgresql import without_patience
from app.queries import club_sessions
from app.services import winding_up
from app.transaction import transaction
from tests.support.database import dispose
from tests.support.factories import make_free_club_session
from tests.support.rows import the

pytestmark = pytest.mark.databases("postgresql")
NEVER = 600_000


@contextmanager
def held(app: Flask, statement: str) -> Iterator[None]:
    """Somebody else's open transaction with the locks of this statement."""
    engine = create_engine(app.extensions["muster_settings"].database_url)
    with engine.connect() as other:
        other.execute(text(statement))
        yield
    engine.dispose()


def patience(monkeypatch: pytest.MonkeyPatch, **milliseconds: int) -> None:
    """From now on connections are made with this, and no other, patience."""
    monkeypatch.setattr(postgresql, "PATIENCE", dict.fromkeys(postgresql.PATIENCE, NEVER) | milliseconds)
    dispose()


def assert_asked_to_come_again(app: Flask, address: str) -> None:
    app.testing = False  # as in production: errors are answered, not passed on
    answer = app.test_client().get(address, base_url="http://muster.test")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "30"
    assert "Please try again in a minute" in answer.text


def test_each_connection_has_its_limits_and_a_rollback_keeps_them(app: Flask) -> None:
    for _ in range(2):
        with db.engine.connect() as connection:
            for name, milliseconds in postgresql.PATIENCE.items():
                setting = connection.execute(text(f"SELECT setting FROM pg_settings WHERE name = '{name}'")).scalar_one()  # noqa: S608
                assert int(setting) == milliseconds
            connection.rollback()


def test_page_behind_a_lock_is_answered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, lock_timeout=50)
    with held(app, "LOCK TABLE club_sessions IN ACCESS EXCLUSIVE MODE"):
        assert_asked_to_come_again(app, "/")


def test_statement_without_end_is_answered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, statement_timeout=50)
    monkeypatch.setattr(club_sessions, "upcoming", lambda *_, **__: db.session.execute(text("SELECT pg_sleep(600)")))
    assert_asked_to_come_again(app, "/sessions.ics")


def test_use_case_waits_for_a_lock_once_and_changes_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_free_club_session(slug="walk")
    patience(monkeypatch, lock_timeout=50)
    tries: list[Any] = []
    monkeypatch.setattr(time, "sleep", tries.append)
    with held(app, "SELECT id FROM club_sessions FOR UPDATE"), pytest.raises(DBAPIError, match="lock timeout"):
        winding_up.cancel_session("walk", "user:1", "Rain.")
    assert tries == [] and the(ClubSession).status == "published"


def test_transaction_that_hangs_is_ended_and_its_locks_are_free(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_free_club_session(slug="walk")
    patience(monkeypatch, idle_in_transaction_session_timeout=50)
    with pytest.raises(DBAPIError), transaction() as hangs:
        hangs.execute(text("UPDATE club_sessions SET title = 'Never'"))
        wait_until_nobody_holds_anything(app)
        hangs.execute(text("SELECT 1"))
    assert the(ClubSession).title != "Never"
    winding_up.cancel_session("walk", "user:1", "Rain.")


def test_page_whose_transaction_was_ended_is_answered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    patience(monkeypatch, idle_in_transaction_session_timeout=50)

    def hanging(*_: Any, **__: Any) -> None:
        db.session.execute(text("SELECT count(*) FROM club_sessions"))
        wait_until_nobody_holds_anything(app)
        db.session.execute(text("SELECT 1"))

    monkeypatch.setattr(club_sessions, "upcoming", hanging)
    assert_asked_to_come_again(app, "/sessions.ics")


def test_migration_may_take_its_time_but_not_queue_for_a_lock(app: Flask) -> None:
    with db.engine.connect() as connection:
        without_patience(connection)
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "8s"


def wait_until_nobody_holds_anything(app: Flask) -> None:
    """Until the server has ended every transaction of this database but the one that asks."""
    engine = create_engine(app.extensions["muster_settings"].database_url, isolation_level="AUTOCOMMIT")
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    until = time.monotonic() + 20
    with engine.connect() as connection:
        while connection.execute(text(others)).scalar_one():
            assert time.monotonic() < until, "the server ends nothing"
            threading.Event().wait(0.02)
    engine.dispose()
