"""Writes a consistent copy of the database while the site goes on. Called by `flask backup`; README says how to restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess  # noqa: S404 - pg_dump is PostgreSQL's own way to a consistent copy
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from ..config import current_settings, of_postgresql


class BackupFailed(Exception):
    """No copy was written; the message says why and what to do."""


def write(file: Path) -> int:
    """Copy the database to ``file`` (a new file: an old copy is never overwritten); returns its size in bytes.

    Raises BackupFailed. The copy appears under its name only when it is whole.
    """
    if file.exists():
        raise BackupFailed(f"{file} exists already. Name a new file: an old backup is never overwritten.")
    if not file.absolute().parent.is_dir():
        raise BackupFailed(f"The folder {file.absolute().parent} does not exist.")
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)  # everybody's names and addresses are in it
        if current_settings().is_sqlite:
            _sqlite(part)
        else:
            _postgresql(part)
        os.replace(part, file)
        return file.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"The copy could not be written: {error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sqlite(part: Path) -> None:
    """SQLite's own online backup: page by page, consistent, without stopping the writers."""
    source = make_url(current_settings().database_url).database or ""
    with closing(sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True)) as live, closing(sqlite3.connect(part)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=delete")


def _postgresql(part: Path) -> None:
    """pg_dump in its own format, read back by pg_restore; the password travels in the environment, not on the command line.

    What the environment says of the connection besides holds for the site, and so for the copy: else it may be another server's.
    """
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed("pg_dump was not found. Install PostgreSQL's client programs of the server's version.")
    url = make_url(current_settings().database_url).set(drivername="postgresql")
    environment = {"PATH": os.defpath} | of_postgresql()
    environment |= {"PGPASSWORD": str(url.password)} if url.password else {}
    target = url.set(password=None).render_as_string(hide_password=False)
    command = [program, "--format=custom", "--no-owner", f"--file={part}", target]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise BackupFailed(f"pg_dump failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
