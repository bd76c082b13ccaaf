"""The one commit point: the only file that commits or rolls back. Services open a transaction, nobody else does.

It is flat (nesting raises), refuses a dirty entry, takes SQLite's write lock at once, repeats a whole use case that lost a
deadlock or serialization conflict, and knows whether one is open so that no network call runs inside it.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import ORMExecuteState, Session

from .extensions import db
from .writing_turns import Line

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 6
SQLITE_PATIENCE_SECONDS, SQLITE_LOOK_SECONDS = 10, 0.00025
_BUSY_TIMEOUT = f"PRAGMA busy_timeout={SQLITE_PATIENCE_SECONDS * 1000}"
_line = Line()
"""The writers of this process."""
_GATHERED, _HELD, _FOLLOWS = "muster_gathered", "muster_held", "muster_follows"
_open: ContextVar[bool] = ContextVar("muster_transaction_open", default=False)


class Overtaken(Exception):
    """What a use case had read was changed before it took what it had come for: nothing is written, and it is to look again."""


class Held(Protocol):
    """Rows that are held back to be written in one statement."""

    def write(self) -> None:
        """Write them now, and let them go."""


class TransactionMisuse(RuntimeError):
    """A programming error: a nested transaction, a dirty entry, or a network call with one open."""


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit what the block wrote, all or nothing. Raises TransactionMisuse when nested or entered with unsaved changes."""
    if _open.get():
        raise TransactionMisuse("a transaction is already open; services must not call each other's transactions")
    session: Session = db.session()
    if session.new or session.dirty or session.deleted:
        raise TransactionMisuse("the session holds changes made outside a transaction")
    session.rollback()  # ends a page's read, so that everything is read afresh under the lock
    token, turn = _open.set(True), _line.take()
    try:
        session.info["muster_connection"] = session.connection(execution_options={"muster_write": True})
        yield session
        session.flush()
        write_gathered(session)
        write_held(session)
        session.commit()
        for follow in session.info.pop(_FOLLOWS, ()):
            follow()
    except BaseException:
        session.rollback()
        raise
    finally:
        _line.give_back(turn)
        for name in ("muster_connection", _GATHERED, _HELD, _FOLLOWS):
            session.info.pop(name, None)
        _open.reset(token)


def gathered(session: Session, write: Callable[[Session, list[Any]], None]) -> list[Any]:
    """The list of what is written together by ``write(session, list)``, in the open transaction when all else has been."""
    if not _open.get():
        raise TransactionMisuse("what is gathered is written at the end of a transaction, and none is open")
    lists: dict[Callable[[Session, list[Any]], None], list[Any]] = session.info.setdefault(_GATHERED, {})
    return lists.setdefault(write, [])


def write_gathered(session: Session) -> None:
    """Write it now, for whoever is about to read it in the same transaction."""
    for write, rows in session.info.pop(_GATHERED, {}).items():
        write(session, rows)


def hold(session: Session, rows: Held) -> None:
    """Hold rows back until anything is asked of the database in the open transaction, or to its end."""
    session.info[_HELD] = rows


def held(session: Session) -> Held | None:
    """What is held back, while it is."""
    return cast(Held | None, session.info.get(_HELD))


def let_go(session: Session) -> None:
    """Hold nothing back any more: it is being written."""
    session.info.pop(_HELD, None)


def write_held(session: Session) -> None:
    """Write what is held back, for whoever is about to ask the database for anything."""
    if (rows := held(session)) is not None:
        rows.write()


@event.listens_for(db.session, "do_orm_execute")
def _before_asking(asked: ORMExecuteState) -> None:
    write_held(asked.session)


@event.listens_for(db.session, "before_flush")
def _before_objects(session: Session, _context: object, _instances: object) -> None:
    write_held(session)


def after_commit(session: Session, follow: Callable[[], object]) -> None:
    """Have ``follow`` called once the open transaction has committed, and not if it rolls back. It must not fail."""
    session.info.setdefault(_FOLLOWS, []).append(follow)


def connection_of(session: Session) -> Connection:
    """The connection that the session's transaction runs on, for statements that load no objects. Finding it takes time."""
    write_held(session)
    kept: Connection | None = session.info.get("muster_connection")
    return session.connection() if kept is None or kept.closed else kept


def retried(use_case: Callable[P, T]) -> Callable[P, T]:
    """Repeat a use case whose transaction lost a conflict or was Overtaken; it must do nothing but one transaction before it can
    fail."""

    @wraps(use_case)
    def repeat(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(TRIES):
            try:
                return use_case(*args, **kwargs)
            except (DBAPIError, Overtaken) as error:
                if attempt == TRIES - 1 or _open.get() or not is_conflict(error):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    return repeat


def is_conflict(error: DBAPIError | Overtaken) -> bool:
    """True for what a repeat can cure: being overtaken, deadlock, serialization failure, SQLite busy, a reference drawn twice.

    On PostgreSQL also a row that somebody else inserted since we looked (23505): the repeat finds it when it looks.
    Not a lock that could not be had in time: whoever waited that long is asked to come again, and does not queue once more.
    """
    if isinstance(error, Overtaken):
        return True
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in ("40001", "40P01", "23505"):
        return True
    text = str(error.orig)
    return isinstance(error, IntegrityError) and "reference" in text and "nique" in text.lower() or "database is locked" in text


def end_read() -> None:
    """Give the connection of a page's read back before something slow; a no-op inside a transaction it is not: it raises."""
    require_none_open("ending a read")
    session = db.session()
    if session.new or session.dirty or session.deleted:
        raise TransactionMisuse("the session holds changes made outside a transaction")
    session.rollback()


def require_none_open(what: str) -> None:
    """Raise TransactionMisuse when a transaction is open; the gateway and the mailer call this before the network."""
    if _open.get():
        raise TransactionMisuse(f"{what} with a transaction open: commit the intent first, then use the network")


def is_open() -> bool:
    """Whether a transaction is open in this context."""
    return _open.get()


def prepare_engine(engine: Engine) -> None:
    """Bind the listeners to the app's own engine when it is SQLite's: pragmas, BEGIN IMMEDIATE."""
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin by itself; `_sqlite_begin` does
    connection.execute(_BUSY_TIMEOUT)
    for pragma in ("journal_mode=wal", "synchronous=normal", "foreign_keys=on"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT, whatever the time-out.
    if connection.get_execution_options().get("muster_write"):
        _begin_soon(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_soon(connection: Connection) -> None:
    """Take SQLite's write lock as soon as it comes free.

    Left to itself SQLite sleeps longer and longer between looks, up to 100 ms, while the lock lies free. The writer whose turn it
    is in this process looks often.
    """
    driver: Any = connection.connection.dbapi_connection
    until = time.monotonic() + SQLITE_PATIENCE_SECONDS
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < until:
            with suppress(sqlite3.OperationalError):
                driver.execute("BEGIN IMMEDIATE")
                return
            time.sleep(SQLITE_LOOK_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # for the last time, and says what is wrong as SQLAlchemy says it
    finally:
        driver.execute(_BUSY_TIMEOUT)
