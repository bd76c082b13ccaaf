"""A copy of the database while the site goes on: whole, the owner's alone, never over an older one, and it can be restored."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url

from app.extensions import db
from app.models import Order, Registration
from app.services import backups
from app.services.backups import BackupFailed
from app.transaction import transaction
from tests.support import postgres
from tests.support.booking import begin
from tests.support.factories import make_free_club_session
from tests.support.rows import count_of


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Path:
    """PostgreSQL's own programs on the path, as on a server of its version."""
    binaries = postgres.binaries()
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    return binaries


def book(people: int) -> None:
    club_session = make_free_club_session(capacity=people)
    for _ in range(people):
        begin(club_session, expected_price_cents=0)


@pytest.mark.databases("sqlite")
def test_copy_is_whole_and_readable_by_its_owner_only(app: Flask, tmp_path: Path) -> None:
    book(3)
    file = tmp_path / "copy of today?.sqlite"
    assert backups.write(file) == file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600
    book(1)
    with closing(sqlite3.connect(file)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM registrations WHERE status = 'registered'").fetchone() == (3,)
    assert list(tmp_path.glob(".*")) == [] and count_of(Registration) == 4


@pytest.mark.databases("sqlite")
def test_copy_taken_during_a_transaction_has_nothing_of_it(app: Flask, tmp_path: Path) -> None:
    book(1)
    with transaction() as session:
        session.execute(Order.__table__.update().values(name="Half done"))
        backups.write(tmp_path / "copy.sqlite")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as copy:
        assert copy.execute("SELECT name FROM orders").fetchall() == [("Ana Lee",)]


@pytest.mark.databases("sqlite")
def test_older_copy_is_never_overwritten(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite"
    file.write_text("precious")
    with pytest.raises(BackupFailed, match="exists already"):
        backups.write(file)
    assert file.read_text() == "precious"


@pytest.mark.databases("sqlite")
def test_folder_that_is_not_there_is_named(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="nowhere does not exist"):
        backups.write(tmp_path / "nowhere" / "copy.sqlite")


@pytest.mark.databases("sqlite")
def test_what_keeps_it_from_being_written_is_said(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="File name too long"):
        backups.write(tmp_path / ("c" * 252))
    (tmp_path / ".copy.sqlite.part").mkdir()
    with pytest.raises(BackupFailed, match="could not be written"):
        backups.write(tmp_path / "copy.sqlite")
    (tmp_path / ".copy.sqlite.part").rmdir()
    settings = app.extensions["muster_settings"]
    app.extensions["muster_settings"] = settings.with_(database_url=f"sqlite:///{tmp_path / 'nothing.sqlite'}")
    with pytest.raises(BackupFailed, match="unable to open database file"):
        backups.write(tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists() and not (tmp_path / "nothing.sqlite").exists()


@pytest.mark.databases("postgresql")
def test_postgresql_is_dumped_and_restored_by_its_own_programs(app: Flask, programs: Path, tmp_path: Path) -> None:
    book(3)
    file = tmp_path / "copy.dump"
    assert backups.write(file) == file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600
    url = make_url(app.extensions["muster_settings"].database_url).set(drivername="postgresql")
    book(1)
    db.session.remove()
    command = [str(programs / "pg_restore"), "--clean", "--if-exists", "--no-owner", f"--dbname={url.render_as_string(False)}"]
    subprocess.run([*command, str(file)], check=True, capture_output=True)  # noqa: S603 - our own words
    assert count_of(Registration, status="registered") == 3


@pytest.mark.databases("postgresql")
def test_missing_pg_dump_and_its_failure_are_said(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "copy.dump"
    with monkeypatch.context() as without:
        without.setattr(shutil, "which", lambda _: None)
        with pytest.raises(BackupFailed, match="pg_dump was not found"):
            backups.write(file)
    failing = tmp_path / "pg_dump"
    failing.write_text("#!/bin/sh\necho 'server version mismatch' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(failing))
    with pytest.raises(BackupFailed, match="server version mismatch"):
        backups.write(file)
    assert not file.exists() and list(tmp_path.glob(".*")) == [], "no half a copy under any name"


@pytest.mark.databases("postgresql")
def test_what_the_environment_says_of_the_connection_holds_for_the_copy_and_nothing_else_of_it(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, seen = tmp_path / "pg_dump", tmp_path / "seen"
    program.write_text(f"#!/bin/sh\nenv > '{seen}'\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    for name in ("PGSSLROOTCERT", "PGPASSWORD", "STRIPE_SECRET_KEY"):
        monkeypatch.setenv(name, f"value-of-{name}")
    backups.write(tmp_path / "copy.dump")
    given = seen.read_text()
    assert "value-of-PGSSLROOTCERT" in given and "value-of-STRIPE_SECRET_KEY" not in given
    password = make_url(app.extensions["muster_settings"].database_url).password
    assert f"PGPASSWORD={password or 'value-of-PGPASSWORD'}\n" in given
