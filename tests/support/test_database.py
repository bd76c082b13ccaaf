"""The databases tests run on are what they claim: fresh for each test, migrated, and of the kind asked for."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import ClubSession
from tests.support import postgres
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the


def test_app_runs_on_the_database_asked_for(app: Flask, database: str) -> None:
    assert db.engine.dialect.name == database


def test_postgresql_is_version_18(app: Flask, database: str) -> None:
    if database == "postgresql":
        version = db.session.execute(text("SHOW server_version")).scalar_one()
        assert str(version).startswith("18")
    else:
        assert db.session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_has_a_database_of_its_own(app: Flask, turn: str) -> None:
    assert count_of(ClubSession) == 0
    made = make_club_session(slug="the-only-one")
    assert the(ClubSession, slug="the-only-one").id == made.id


def test_sqlite_app_is_on_sqlite_alone(sqlite_app: Flask) -> None:
    assert db.engine.dialect.name == "sqlite"


def test_postgres_runs_from_a_copy_when_its_own_place_is_closed() -> None:
    """A clone below /root: the user that PostgreSQL runs as may not enter it."""
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        copy = postgres._copied(postgres.binaries(), Path(directory))
        for program in ("initdb", "postgres"):
            told = subprocess.run([copy / program, "--version"], capture_output=True, text=True, check=True, cwd="/", **user)  # noqa: S603
            assert " 18." in told.stdout
