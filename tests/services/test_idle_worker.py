"""A worker with nothing to do asks each of its questions once, and stands in nobody's way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import pytest
import sqlalchemy as sa
from flask import Flask

from app import jobs
from app.extensions import db as flask_db
from tests.support.booking import work
from tests.support.factories import make_club_session


def test_each_scan_asks_one_question_and_takes_no_lock(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    make_club_session()
    work()  # the first also looks whether the queue's tables are there
    with statements() as seen:
        work()
    assert len(seen) <= len(jobs._scans) and all(one.startswith("SELECT") for one in seen), "\n".join(seen)
    assert not [one for one in seen if "FOR UPDATE" in one]


@pytest.mark.databases("postgresql")
def test_no_transaction_is_opened_on_postgresql_to_find_nothing(app: Flask) -> None:
    """To begin one and to end it would be two messages more for each question."""
    levels: list[object] = []

    def look(connection: sa.Connection, *_: object) -> None:
        levels.append(connection.get_execution_options().get("isolation_level"))

    work()
    sa.event.listen(flask_db.engine, "before_cursor_execute", look)
    work()
    assert len(levels) > 10 and set(levels) == {"AUTOCOMMIT"}


def test_who_writes_holds_up_no_scan(sqlite_app: Flask) -> None:
    with closing(sqlite3.connect(str(flask_db.engine.url.database), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = threading.Event()
        started = threading.Thread(target=_works, args=(sqlite_app, done))
        started.start()
        assert done.wait(5), "a scan waits for the lock that only writing takes"
        started.join()
        writer.execute("ROLLBACK")


def _works(app: Flask, done: threading.Event) -> None:
    with app.app_context():
        if not jobs.run_due().failed:
            done.set()
