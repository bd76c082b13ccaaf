"""The worlds that the simulation's tests play in: one on SQLite, one on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.simulation.on_postgres import postgres
from tests.simulation.world import Database, World, running
from tests.support.database import sqlite_database
from tests.support.postgres import PostgresUnavailable
from tests.support.run import Run


@pytest.fixture
def world(run: Run) -> Iterator[World]:
    with (
        run.folder() as template,
        run.folder() as play,
        sqlite_database(run, Path(template)),
        running(Database.sqlite(Path(template) / "muster.sqlite", Path(play))) as made,
    ):
        yield made


@pytest.fixture
def postgres_world(run: Run, worker: str) -> Iterator[World]:
    try:
        with postgres(run, f"history_{worker}") as database, running(database) as made:
            yield made
    except PostgresUnavailable as error:
        unavailable(str(error))
