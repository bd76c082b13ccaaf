"""Takes the defences away, one at a time, for the twins: what is left is what a site without them would do.

Called by the twins of the races, in this process and in those of `buyer`. Nothing here outlives its ``with``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event, inspect, select, text, update
from sqlalchemy.orm import Session

from app import transaction as app_transaction
from app.extensions import db
from app.models import ClubSession
from app.services import places

CHECK = "never_oversold"
FOR_UPDATE = re.compile(r" FOR (?:(?:NO KEY )?UPDATE|(?:KEY )?SHARE)(?: OF \w+(?:, \w+)*)?(?: SKIP LOCKED| NOWAIT)?\s*$")


@contextmanager
def without_check() -> Iterator[None]:
    """The database no longer refuses to oversell a session."""
    with without_check_of("club_sessions", CHECK):
        yield


@contextmanager
def without_check_of(table: str, check: str) -> Iterator[None]:
    """The database no longer refuses: on PostgreSQL the constraint goes (from this database), on SQLite it is ignored."""
    engine = db.engine
    db.session.remove()  # a read left open here would hold the table
    if engine.dialect.name == "postgresql":
        [name] = [c["name"] for c in inspect(engine).get_check_constraints(table) if str(c["name"]).endswith(f"_{check}")]
        with engine.begin() as connection:
            connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
        yield
        return
    with _listening("connect", lambda connection, _record: connection.execute("PRAGMA ignore_check_constraints=on")):
        yield


@contextmanager
def drivers_own_transactions() -> Iterator[None]:
    """SQLite as its driver and SQLAlchemy come: nothing begins before the first write. On PostgreSQL it is so."""
    engine = db.engine
    if engine.dialect.name == "postgresql":
        yield
        return
    ours = app_transaction._sqlite_begin
    event.remove(engine, "begin", ours)
    try:
        with _listening("connect", lambda connection, _record: setattr(connection, "isolation_level", "")):
            yield
    finally:
        event.listen(engine, "begin", ours)


@contextmanager
def deferred_begin() -> Iterator[None]:
    """SQLite with a plain BEGIN, which takes the write lock only when it first writes."""
    engine, ours = db.engine, app_transaction._sqlite_begin
    event.remove(engine, "begin", ours)
    event.listen(engine, "begin", plain := lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        yield
    finally:
        event.remove(engine, "begin", plain)
        event.listen(engine, "begin", ours)


@contextmanager
def without_row_locks() -> Iterator[None]:
    """No SELECT … FOR UPDATE or SHARE anywhere; on SQLite no BEGIN IMMEDIATE, which is what locks there."""
    engine = db.engine

    def unlocked(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        return FOR_UPDATE.sub("", sql), parameters

    with drivers_own_transactions():
        event.listen(engine, "before_cursor_execute", unlocked, retval=True)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", unlocked)


@contextmanager
def check_then_update(looked: Callable[[], None]) -> Iterator[None]:
    """Places are taken by looking first and writing afterwards, without a guard; ``looked`` is called in between."""

    def take(session: Session, club_session_id: int, wanted: int, **_more: Any) -> bool:
        found = select(ClubSession.capacity, ClubSession.places_taken).where(ClubSession.id == club_session_id)
        capacity, taken = session.execute(found).one()
        looked()
        if taken + wanted > capacity:
            return False
        more = update(ClubSession).where(ClubSession.id == club_session_id)
        session.execute(more.values(places_taken=ClubSession.places_taken + wanted).execution_options(synchronize_session=False))
        return True

    with patch.object(places, "take", take):
        yield


@contextmanager
def unguarded_places(looked: Callable[[], None], *, check: bool = False) -> Iterator[None]:
    """All of promise 1 taken away: the guard, the lock and, unless ``check`` keeps it, the database's own refusal."""
    with ExitStack() as off:
        off.enter_context(drivers_own_transactions())
        if not check:
            off.enter_context(without_check())
        off.enter_context(check_then_update(looked))
        yield


@contextmanager
def _listening(name: str, listener: Callable[..., Any]) -> Iterator[None]:
    """Have every connection from now on made this way, and those after it as before."""
    engine = db.engine
    db.session.remove()
    engine.dispose()
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)
        db.session.remove()
        engine.dispose()
