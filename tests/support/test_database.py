"""The databases tests run on are what they claim: fresh for each test, migrated, and of the kind asked for."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import ClubSession
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
