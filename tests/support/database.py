"""Databases for tests: each test gets a fresh copy of one that the real migrations made, on SQLite and PostgreSQL alike.

Called by the fixtures of conftest. The migrated templates are made once a run, whichever worker comes first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import flask_migrate
import psycopg
from sqlalchemy.engine import URL

from app import create_app
from app.config import Settings
from app.extensions import db

from . import postgres
from .run import Run, reachable_directory
from .settings import safe_settings

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = str(ROOT / "migrations")
TEMPLATE = "muster_template"
_number = count(1)


def migrate(settings: Settings, revision: str = "head") -> None:
    """Bring a database to a revision with the real migrations."""
    app = create_app(settings)
    with app.app_context():
        try:
            flask_migrate.upgrade(directory=MIGRATIONS, revision=revision)
        finally:
            dispose()


def dispose() -> None:
    """Close every connection of the app whose context is open."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()


@contextmanager
def sqlite_database(run: Run, directory: Path, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a SQLite file of the test's own in ``directory``, migrated or empty."""
    if not migrated:
        yield f"sqlite:///{directory / 'muster.sqlite'}"
        return
    template = run.directory / "sqlite"
    with run.lock("sqlite"):
        if not run.once("sqlite").exists():
            template.mkdir(exist_ok=True)
            migrate(safe_settings(f"sqlite:///{template / 'muster.sqlite'}"))
            run.once("sqlite").touch()
    # The whole directory: whatever else the app keeps beside its file belongs to the template too.
    shutil.copytree(template, directory, dirs_exist_ok=True)
    yield f"sqlite:///{directory / 'muster.sqlite'}"


@contextmanager
def postgres_database(run: Run, worker: str, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own, dropped afterwards. Raises PostgresUnavailable."""
    sockets = server_of(run, migrated=migrated)
    name = f"test_{worker}_{next(_number)}"
    create(sockets, name, TEMPLATE if migrated else "template0")
    try:
        yield postgres_url(sockets, name)
    finally:
        drop(sockets, name)


def server_of(run: Run, *, migrated: bool = True) -> Path:
    """The sockets of the run's PostgreSQL, with the template made if ``migrated``. Raises PostgresUnavailable."""
    with run.lock("postgres"):
        sockets = postgres.start(run.directory, run.pid, reachable_directory(), durable=run.on_disk)
        if migrated and not run.once("postgres").exists():
            create(sockets, TEMPLATE, "template1")
            migrate(safe_settings(postgres_url(sockets, TEMPLATE)))
            run.once("postgres").touch()
    return sockets


def create(sockets: Path, name: str, template: str = TEMPLATE) -> None:
    """Make a database like another one, by copying its files: half the work of writing them anew."""
    _execute(sockets, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")


def drop(sockets: Path, name: str) -> None:
    """Remove a database, if it is there, whoever is in it."""
    _execute(sockets, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def postgres_url(sockets: Path, database: str) -> str:
    url = URL.create("postgresql+psycopg", username=postgres.SUPERUSER, database=database, query={"host": str(sockets)})
    return url.render_as_string(hide_password=False)


def _execute(sockets: Path, statement: str) -> None:
    with psycopg.connect(host=str(sockets), user=postgres.SUPERUSER, dbname="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
