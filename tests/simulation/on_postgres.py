"""Histories on PostgreSQL: one database name, made anew from the migrated template for each. Used by `__main__` and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import postgres as server
from tests.support.database import create, drop, postgres_url, server_of
from tests.support.run import Run

from .world import Database


@contextmanager
def postgres(run: Run | None = None, name: str = "history") -> Iterator[Database]:
    """A place on the run's server, or on one of its own that is gone afterwards. Raises PostgresUnavailable."""
    own = Run.begin() if run is None else None
    used = run or own
    assert used is not None
    try:
        sockets = server_of(used)

        def renew() -> None:
            drop(sockets, name)
            create(sockets, name)

        yield Database(postgres_url(sockets, name), renew)
        drop(sockets, name)
    finally:
        if own is not None:
            server.stop(own.directory)
            own.end()
