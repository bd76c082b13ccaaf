"""PostgreSQL is started anew: no answer fails for it. And what a visitor's page asks is asked in no transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from sqlalchemy import event

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


def test_a_connection_that_the_server_forgot_is_not_used(app: Flask) -> None:
    path = f"/sessions/{make_club_session().slug}"
    assert status(app, path) == 200
    connections_lost(app)
    assert status(app, path) == 200
    connections_lost(app)
    with transaction() as written:
        audit.record(written, audit.WORKER, "went_on", "test", 1)
    assert count_of(AuditEntry, action="went_on") == 1


def test_page_of_one_statement_sends_nothing_else(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    path, by_itself = f"/sessions/{make_club_session().slug}", []
    assert status(app, path) == 200
    event.listen(db.engine, "begin", lambda connection: by_itself.append(connection.connection.dbapi_connection.autocommit))
    with statements() as seen:
        assert status(app, path) == 200
    assert len(seen) == 1 and by_itself == [True]
