"""PostgreSQL is started anew: a connection that rested is looked at before it is used, and one that did not costs one answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from sqlalchemy import event

from app import transaction as ground
from app.extensions import db
from app.models import AuditEntry
from app.services import audit
from app.transaction import transaction
from tests.support.factories import make_club_session
from tests.support.outage import connections_lost
from tests.support.rows import count_of

pytestmark = pytest.mark.databases("postgresql")


def status(app: Flask, path: str) -> int:
    app.testing = False  # as in production: errors are answered, not passed on
    return app.test_client().get(path, base_url="http://muster.test").status_code


def test_after_a_rest_a_lost_connection_is_not_used(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "POSTGRESQL_RESTS_SECONDS", 0)
    path = f"/sessions/{make_club_session().slug}"
    assert status(app, path) == 200
    connections_lost(app)
    assert status(app, path) == 200
    connections_lost(app)
    with transaction() as written:
        audit.record(written, audit.WORKER, "went_on", "test", 1)
    assert count_of(AuditEntry, action="went_on") == 1


def test_without_a_rest_it_costs_one_answer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "POSTGRESQL_RESTS_SECONDS", 3600)
    path = f"/sessions/{make_club_session().slug}"
    assert status(app, path) == 200
    connections_lost(app)
    assert [status(app, path) for _ in range(3)] == [503, 200, 200]


def test_page_of_one_statement_sends_nothing_else(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    path, by_itself = f"/sessions/{make_club_session().slug}", []
    assert status(app, path) == 200
    event.listen(db.engine, "begin", lambda connection: by_itself.append(connection.connection.dbapi_connection.autocommit))
    with statements() as seen:
        assert status(app, path) == 200
    assert len(seen) == 1 and by_itself == [True]
