"""Who takes two rows takes them in one order: the club session before its registrations, so that nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.extensions import db as flask_db
from app.models import ClubSession, Registration
from app.transaction import transaction
from tests.support.booking import begin, order_of, states
from tests.support.factories import make_club_session
from tests.support.queries import recorded
from tests.support.rows import the

pytestmark = pytest.mark.databases("postgresql")


def test_paying_locks_order_then_session_then_registration(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    with recorded(flask_db.engine) as seen:
        stripe_simulator.deliver()
    locked = [statement.split("FROM ")[1].split()[0] for statement in seen if "FOR UPDATE" in statement]
    assert states(token)[:2] == ("paid", "registered") and locked[:3] == ["orders", "club_sessions", "registrations"]


def test_payment_that_waits_for_the_session_holds_no_registration_somebody_deals_to(app: Flask, stripe_simulator: Any) -> None:
    """Whoever deals places holds the session and then moves registrations: the payer must not sit on one of these."""
    token = begin(make_club_session())
    registration = the(Registration, order_id=order_of(token).id)
    stripe_simulator.pay()
    payer = threading.Thread(target=stripe_simulator.deliver)
    with transaction() as db:
        db.execute(select(ClubSession.id).where(ClubSession.id == registration.club_session_id).with_for_update())
        payer.start()
        wait_until_somebody_waits()
        db.execute(select(Registration.id).where(Registration.id == registration.id).with_for_update(nowait=True))
    payer.join(30)
    assert states(token)[:2] == ("paid", "registered")


def wait_until_somebody_waits() -> None:
    """Until the database itself says that a transaction waits for another's lock."""
    deadline = time.monotonic() + 20
    with flask_db.engine.connect() as connection:
        while time.monotonic() < deadline:
            waiting = text("SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database OR database IS NULL"
                           " WHERE NOT granted AND datname = current_database()")  # fmt: skip
            if connection.execute(waiting).scalar_one():
                return
            connection.rollback()
    raise AssertionError("nobody waits")
