"""What a connection to PostgreSQL is like: how patient it is, how its pool knows that it still lives, what its answers say.

Called by ``create_app`` when that is the database; ``without_patience`` by migrations.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError

CONNECTIONS = 16
"""As many as gunicorn has threads, all of them kept: one that is made for a moment costs the server more than what it is made
for. The one used last is used next, so that the others may rest."""
POOL = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_use_lifo": True}
PATIENCE = {"lock_timeout": 8_000, "statement_timeout": 20_000, "idle_in_transaction_session_timeout": 60_000}
"""Milliseconds, for each connection of ours: for a lock, for a statement with its locks, and for a transaction that does nothing
(its process hangs) before the server ends it. What runs into one is answered with 503 and Retry-After."""
RESTS_SECONDS = 30.0
"""After so long without use a connection is pinged. Firewalls and load balancers forget what says nothing for minutes."""
_USED = "muster_used"


def prepare_engine(engine: Engine) -> None:
    """Bind the listeners to the app's own engine."""
    event.listen(engine, "connect", _made)
    event.listen(engine, "checkout", _leaves)
    event.listen(engine, "checkin", _comes_back)


def without_patience(connection: Connection) -> None:
    """Let this connection's statements take as long as they take, as a migration of a large table must. Locks keep their limit,
    so that a migration that cannot have one gives up instead of holding up everybody behind it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET statement_timeout = 0")


def _made(connection: Any, _record: Any) -> None:
    connection.cursor_factory = _Cursor
    connection.autocommit = True  # so that a rollback does not take the settings back
    connection.execute("; ".join(f"SET {name} = {milliseconds}" for name, milliseconds in PATIENCE.items()))
    connection.autocommit = False


def _leaves(connection: Any, record: Any, _proxy: Any) -> None:
    """Replace a connection that is lost, and its elders, before it is used: a server started anew costs nobody an answer.

    To ping each time (``pool_pre_ping``) was a third of a page's time. A server that ends a session says so, and its last words
    lie in the idle socket: one that is quiet and was used a moment ago is good. Only the others are pinged.
    """
    used = record.info.get(_USED)
    if used is None or (_is_quiet(connection) and time.monotonic() - used < RESTS_SECONDS):
        return
    try:
        _ping(connection)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _ping(connection: Any) -> None:
    connection.autocommit = True
    connection.execute("SELECT 1")
    connection.autocommit = False


def _comes_back(_connection: Any, record: Any) -> None:
    record.info[_USED] = time.monotonic()


def _is_quiet(connection: Any) -> bool:
    """Whether the server has said nothing since its last answer. Unasked it says little but that it ends the session."""
    if connection.closed:
        return False
    looked = select.poll()
    looked.register(connection.fileno(), select.POLLIN)
    return not looked.poll(0)


class _Cursor(psycopg.Cursor[Any]):
    """Describes the columns of a result when somebody asks what they are. SQLAlchemy asks only whether there are any, once it has
    seen a statement; to describe them each time took a twelfth of a booking."""

    @property
    def description(self) -> Any:
        return _Columns(self) if self.pgresult is not None and self.pgresult.nfields else None


class _Columns(Sequence[psycopg.Column]):
    """The columns of the result that a cursor has now."""

    def __init__(self, cursor: _Cursor) -> None:
        self._cursor = cursor

    @cached_property
    def _columns(self) -> Sequence[psycopg.Column]:
        return psycopg.Cursor.description.fget(self._cursor) or ()  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self._columns)

    def __getitem__(self, index: Any) -> Any:
        return self._columns[index]
