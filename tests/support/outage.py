"""Takes the real database away from a running app, and gives it back. Called by tests of what people and Stripe are then told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy.engine import make_url

from .database import dispose


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
    with psycopg.connect(host=str(url.query["host"]), user=url.username, dbname="postgres", autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false'.encode())
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,))
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true'.encode())
