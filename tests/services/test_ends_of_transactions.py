"""What is gathered in a transaction is written with it, in order, or lost with it; what follows it follows a commit alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask

from app.extensions import db as flask_db
from app.models import AuditEntry
from app.services import audit
from app.transaction import TransactionMisuse, after_commit, transaction
from tests.support.rows import all_of, count_of

Statements = Callable[[], AbstractContextManager[list[str]]]


def recorded() -> list[str]:
    return [entry.action for entry in all_of(AuditEntry)]


def test_record_of_a_transaction_is_one_statement_and_keeps_its_order(app: Flask, statements: Statements) -> None:
    with statements() as seen, transaction() as db:
        for action in ("first", "second", "third"):
            audit.record(db, audit.GUEST, action, "test", 1)
        assert seen == [], "the locks are held for no round trip that can wait"
    assert len(seen) == 1 and recorded() == ["first", "second", "third"]


def test_what_was_rolled_back_is_not_written_with_the_next(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"), transaction() as db:
        audit.record(db, audit.GUEST, "never", "test", 1)
        raise RuntimeError("changed my mind")
    with transaction() as db:
        audit.record(db, audit.GUEST, "after", "test", 1)
    assert recorded() == ["after"]


def test_record_is_read_in_the_transaction_that_writes_it(app: Flask) -> None:
    with transaction() as db:
        audit.record(db, audit.GUEST, "paid", "test", 1, once="key")
        assert audit.done_before(db, "test", 1, "key") and not audit.done_before(db, "test", 1, "other")
        audit.record(db, audit.GUEST, "told", "test", 1)
    assert recorded() == ["paid", "told"]


def test_nothing_is_recorded_outside_a_transaction(app: Flask) -> None:
    with pytest.raises(TransactionMisuse, match="none is open"):
        audit.record(flask_db.session(), audit.GUEST, "lost", "test", 1)
    assert count_of(AuditEntry) == 0


def test_only_a_commit_is_followed(app: Flask) -> None:
    followed: list[str] = []
    with pytest.raises(RuntimeError, match="changed my mind"), transaction() as db:
        after_commit(db, lambda: followed.append("rolled back"))
        raise RuntimeError("changed my mind")
    with transaction() as db:
        after_commit(db, lambda: followed.append(f"with {count_of(AuditEntry)}"))
        audit.record(db, audit.GUEST, "written", "test", 1)
        assert followed == []
    assert followed == ["with 1"]
