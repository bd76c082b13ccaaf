"""Fills databases for benchmarks: sessions to come, and any number of past registrations, in bulk. Called by each benchmark."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app import create_app
from app.extensions import db
from app.models import ClubSession, Registration
from app.models.columns import new_reference
from app.rules.statuses import PaymentState, RegistrationStatus, SessionStatus
from app.transaction import transaction
from tests.support.database import dispose, postgres_database, sqlite_database
from tests.support.run import Run
from tests.support.settings import safe_settings

BATCH = 5_000


@contextmanager
def database(run: Run, kind: str, directory: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made = sqlite_database(run, directory) if kind == "sqlite" else postgres_database(run, "benchmarks")
        yield stack.enter_context(made)


@contextmanager
def app_on(url: str, *, stripe: str = "") -> Iterator[Flask]:
    """An app of this process on the database, with the local Stripe at this address."""
    app = create_app(safe_settings(url, **({"stripe_api_base": stripe} if stripe else {})))
    with app.app_context():
        try:
            yield app
        finally:
            dispose()


def sessions(count: int, **changes: Any) -> list[str]:
    """So many published sessions to come, in an app context; their slugs."""
    now = datetime.now(UTC)
    values = [_session(number, now, changes) for number in range(count)]
    with transaction() as session:
        for batch in _batches(values):
            session.execute(sa.insert(ClubSession), batch)
    return [row["slug"] for row in values]


def _session(number: int, now: datetime, changes: dict[str, Any]) -> dict[str, Any]:
    starts_at = now + timedelta(days=1, minutes=30 * number)
    return {
        "slug": f"social-{number}-{secrets.token_hex(3)}", "title": f"Social badminton, evening {number}",
        "summary": "Two hours of doubles for every level.", "description": "Bring indoor shoes.\n\nRackets are there.",
        "location": "Harbour Sports Hall, 12 Quay Street", "starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2),
        "time_zone": "Pacific/Auckland", "capacity": 20, "member_price_cents": 800, "non_member_price_cents": 1200,
        "currency": "NZD", "status": SessionStatus.PUBLISHED, "max_places": 4, **changes,
    }  # fmt: skip


def past_registrations(count: int, of_each_session: int = 200) -> None:
    """So many registrations of sessions that are over, in an app context. Emptied statistics are made anew afterwards."""
    ago = datetime.now(UTC) - timedelta(days=400)
    with transaction() as session:
        for start in range(0, count, BATCH):
            amount = min(BATCH, count - start)
            session.execute(sa.insert(Registration), list(_registrations(session, start, amount, of_each_session, ago)))
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")


def _registrations(session: Any, start: int, amount: int, of_each: int, ago: datetime) -> Iterator[dict[str, Any]]:
    club_session_id = 0
    for number in range(start, start + amount):
        if number % of_each == 0 or not club_session_id:
            changes = {"starts_at": ago, "ends_at": ago + timedelta(hours=2), "capacity": of_each, "places_taken": of_each}
            values = _session(number, ago, {**changes, "slug": f"past-{number}-{secrets.token_hex(4)}"})
            inserted = session.execute(sa.insert(ClubSession).values(values).returning(ClubSession.id))
            club_session_id = inserted.scalar_one()
        yield {
            "reference": f"{new_reference()}{new_reference()}", "club_session_id": club_session_id, "name": f"Person {number}",
            "email": f"person{number}@example.org", "places": 1, "status": RegistrationStatus.REGISTERED,
            "payment_status": PaymentState.FREE, "price_cents": 0, "created_at": ago + timedelta(seconds=number),
        }  # fmt: skip


def _batches(values: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]
