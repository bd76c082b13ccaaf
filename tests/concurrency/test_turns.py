"""On SQLite the writers of a process queue behind one, who looks often; the lock itself is the database's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app import transaction as ground
from app.extensions import db as flask_db
from app.models import AuditEntry
from app.services import audit
from app.transaction import transaction
from tests.support.rows import count_of, the

pytestmark = pytest.mark.databases("sqlite")


def write(app: Flask) -> None:
    """Any transaction of a thread of its own."""
    with app.app_context(), transaction() as db:
        audit.record(db, audit.WORKER, "wrote", "order", 1)


@pytest.fixture
def other(app: Flask) -> Iterator[sqlite3.Connection]:
    """Another process that is writing just now."""
    connection = sqlite3.connect(flask_db.engine.url.database or "", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_writers_of_this_process_wait_without_looking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "SQLITE_LOOK_SECONDS", "nobody looks")
    threads = [threading.Thread(target=write, args=(app,)) for _ in range(5)]
    with transaction() as db:
        audit.record(db, audit.WORKER, "wrote", "order", 1)
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(30)
    assert count_of(AuditEntry, action="wrote") == 6


def test_writer_goes_on_when_another_process_is_done(app: Flask, other: sqlite3.Connection) -> None:
    waiting = threading.Thread(target=write, args=(app,))
    waiting.start()
    other.execute("COMMIT")
    waiting.join(30)
    assert the(AuditEntry, action="wrote")


def test_writer_who_waited_in_vain_says_so_and_gives_the_turn_back(
    app: Flask, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(ground, "SQLITE_PATIENCE_SECONDS", 0)
        for _ in range(2):
            with pytest.raises(OperationalError, match="database is locked"):
                write(app)
    other.execute("ROLLBACK")
    write(app)
    assert the(AuditEntry, action="wrote")
