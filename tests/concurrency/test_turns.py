"""The writers of a process take turns; what keeps them apart is the database's lock. On SQLite the first of them looks often."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app import transaction as ground
from app import writing_turns
from app.extensions import db as flask_db
from app.models import AuditEntry
from app.services import audit
from app.transaction import transaction
from app.writing_turns import Line, Turn
from tests.support.rows import count_of, the
from tests.support.waiting import wait_until

on_sqlite = pytest.mark.databases("sqlite")
PATIENCE = 30


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


@on_sqlite
def test_writers_of_this_process_wait_without_looking(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "SQLITE_LOOK_SECONDS", "nobody looks")
    monkeypatch.setattr(writing_turns, "LONGEST_SECONDS", 60)
    threads = [threading.Thread(target=write, args=(app,)) for _ in range(5)]
    with transaction() as db:
        audit.record(db, audit.WORKER, "wrote", "order", 1)
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(30)
    assert count_of(AuditEntry, action="wrote") == 6


@on_sqlite
def test_writer_goes_on_when_another_process_is_done(app: Flask, other: sqlite3.Connection) -> None:
    waiting = threading.Thread(target=write, args=(app,))
    waiting.start()
    other.execute("COMMIT")
    waiting.join(30)
    assert the(AuditEntry, action="wrote")


@on_sqlite
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


def test_writers_go_in_the_order_they_came_and_hold_no_connection_while_they_wait(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_turns, "LONGEST_SECONDS", 60)
    went, threads = [], []

    def writer(number: int) -> None:
        with app.app_context(), transaction() as db:
            went.append(number)
            audit.record(db, audit.WORKER, "wrote", "order", number)

    with transaction():
        for number in range(5):
            threads.append(threading.Thread(target=writer, args=(number,)))
            threads[-1].start()
            wait_until(lambda: len(ground._line._waiting) == len(threads))
        assert went == [] and flask_db.engine.pool.checkedout() == 1  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(PATIENCE)
    assert went == [0, 1, 2, 3, 4] and count_of(AuditEntry, action="wrote") == 5


@pytest.mark.databases("postgresql")
def test_writer_that_is_held_up_holds_up_nobody(app: Flask) -> None:
    other = threading.Thread(target=write, args=(app,))
    with transaction() as db:
        other.start()
        other.join(PATIENCE)
        assert count_of(AuditEntry, action="wrote") == 1, "the other went on beside a transaction that is still open"
        audit.record(db, audit.WORKER, "slow", "order", 1)
    assert count_of(AuditEntry, action="slow") == 1


def test_a_turn_that_somebody_went_on_beside_is_not_given_back_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.setattr(writing_turns, "LONGEST_SECONDS", 0.001)
    slow = line.take()
    second = line.take()  # after a moment, beside it
    monkeypatch.setattr(writing_turns, "LONGEST_SECONDS", 60)
    third: list[Turn] = []
    waits = threading.Thread(target=lambda: third.append(line.take()))
    second.start()
    waits.start()
    wait_until(lambda: len(line._waiting) == 1)
    line.give_back(slow)
    assert len(line._waiting) == 1 and not third, "whoever is slow has no turn left to give"
    line.give_back(second)
    waits.join(PATIENCE)
    line.give_back(third[0])
    assert line._writes is None
