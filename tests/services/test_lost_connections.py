"""PostgreSQL is started anew: no answer fails for it. And no page pays for that, nor for what nobody asks of an answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from select import select as readable

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app import postgresql
from app.extensions import db
from app.models import AuditEntry, ClubSession
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


def test_without_the_look_it_costs_an_answer(app: Flask) -> None:
    path = f"/sessions/{make_club_session().slug}"
    assert status(app, path) == 200
    event.remove(db.engine, "checkout", postgresql._leaves)
    connections_lost(app)
    assert [status(app, path) for _ in range(2)] == [503, 200]


def test_connection_that_was_lost_without_a_word_is_found_after_a_rest(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a firewall between us forgets it: nothing lies in the socket."""
    path = f"/sessions/{make_club_session().slug}"
    assert status(app, path) == 200
    monkeypatch.setattr(postgresql, "_is_quiet", lambda _connection: True)
    monkeypatch.setattr(postgresql, "RESTS_SECONDS", 0)
    connections_lost(app)
    assert status(app, path) == 200


def test_connection_that_was_told_something_is_still_used(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in the socket need not be the last: only then is the server asked, and the connection stays."""
    pings: list[object] = []
    ping = postgresql._ping
    monkeypatch.setattr(postgresql, "_ping", lambda connection: (pings.append(connection), ping(connection)))
    with db.engine.connect() as listener:
        driver = listener.connection.dbapi_connection
        assert driver is not None
        listener.execute(text("LISTEN news"))
        listener.commit()
    with db.engine.connect() as same:
        assert same.connection.dbapi_connection is driver and pings == []
    with db.engine.connect() as first, db.engine.connect() as other:
        assert first.connection.dbapi_connection is driver
        other.execute(text("NOTIFY news"))
        other.commit()
    assert not postgresql._is_quiet(driver) or readable([driver], [], [], 20)[0]
    with db.engine.connect() as told:
        assert told.connection.dbapi_connection is driver and pings == [driver]
        assert told.execute(text("SELECT 1")).scalar_one() == 1


def test_burst_leaves_its_connections_for_the_next(app: Flask) -> None:
    made: list[object] = []
    event.listen(db.engine, "connect", lambda connection, _record: made.append(connection))
    for _ in range(2):
        together = [db.engine.connect() for _ in range(postgresql.CONNECTIONS)]
        for connection in together:
            connection.close()
    assert len(made) <= postgresql.CONNECTIONS == db.engine.pool.checkedin()  # type: ignore[attr-defined]


def test_columns_are_described_as_the_driver_does_it_but_only_when_asked(app: Flask) -> None:
    with db.engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        ours = driver.cursor()
        plain = psycopg.Cursor(driver)  # type: ignore[arg-type]
        for cursor in (ours, plain):
            cursor.execute("SELECT 1 AS one, now() AS at, 'x'::varchar(5) AS word")
        assert isinstance(ours, postgresql._Cursor)
        assert [tuple(c) for c in ours.description or ()] == [tuple(c) for c in plain.description or ()]
        assert ours.description is not None and (len(ours.description), ours.description[1].name) == (3, "at")
        for cursor in (ours, plain):
            cursor.execute("SET statement_timeout = 1000")
        assert ours.description is None and plain.description is None
        answer = connection.execute(text("SELECT 1 AS one, 2 AS two"))
        assert list(answer.keys()) == ["one", "two"]


def test_columns_of_a_statement_seen_before_are_not_described_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[object] = []
    describe = postgresql._Columns._columns.func
    monkeypatch.setattr(postgresql._Columns, "_columns", property(lambda self: described.append(self) or describe(self)))
    statement = select(ClubSession.id, ClubSession.slug).where(ClubSession.title == "Nobody ever called one so")
    asked = []
    for _ in range(3):
        with db.engine.connect() as connection:
            assert connection.execute(statement).all() == []
        asked.append(len(described))
    assert 0 < asked[0] == asked[1] == asked[2]


def test_page_of_one_statement_sends_nothing_else(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    path, by_itself = f"/sessions/{make_club_session().slug}", []
    assert status(app, path) == 200
    event.listen(db.engine, "begin", lambda connection: by_itself.append(connection.connection.dbapi_connection.autocommit))
    with statements() as seen:
        assert status(app, path) == 200
    assert len(seen) == 1 and by_itself == [True]
