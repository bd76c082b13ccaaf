"""Takes the real database away from a running app, and gives it back. Called by tests of what people and Stripe are then told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy.engine import URL, make_url

from .database import dispose

_END = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"


@contextmanager
def database_away(app: Flask) -> Iterator[None]:
    """Take the real database away: the file cannot be opened, or the server lets nobody in."""
    url = make_url(app.extensions["muster_settings"].database_url)
    dispose()
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "")
        kept = file.rename(file.with_name("kept.sqlite"))
        file.mkdir()
        try:
            yield
        finally:
            dispose()
            file.rmdir()
            kept.rename(file)
        return
    with _server(url) as server:
        server.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'.encode())
        server.execute(_END, (url.database,))
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true'.encode())


def connections_lost(app: Flask) -> None:
    """PostgreSQL forgets every connection to the database, as when it is started anew; the app has not noticed yet."""
    url = make_url(app.extensions["muster_settings"].database_url)
    with _server(url) as server:
        assert server.execute(_END, (url.database,)).fetchall(), "the app kept none"


def _server(url: URL) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=str(url.query["host"]), user=url.username, dbname="postgres", autocommit=True)
