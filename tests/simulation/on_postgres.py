"""Histories on PostgreSQL: one database name, made anew from the migrated template for each. Used by `__main__` and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import postgres as server
from tests.support.database import TEMPLATE, _execute, _url, migrate
from tests.support.run import Run
from tests.support.settings import safe_settings

from .world import Database


@contextmanager
def postgres(run: Run | None = None, name: str = "history") -> Iterator[Database]:
    """A place on the run's server, or on one of its own that is gone afterwards. Raises PostgresUnavailable."""
    own = Run.begin() if run is None else None
    used = run or own
    assert used is not None
    try:
        with used.lock("postgres"):
            sockets = server.start(used.directory, used.pid)
            if not used.once("postgres").exists():
                _execute(sockets, f"CREATE DATABASE {TEMPLATE}")
                migrate(safe_settings(_url(sockets, TEMPLATE)))
                used.once("postgres").touch()

        def renew() -> None:
            _execute(sockets, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            _execute(sockets, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")

        yield Database(_url(sockets, name), renew)
        _execute(sockets, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        if own is not None:
            server.stop(own.directory)
            own.end()
