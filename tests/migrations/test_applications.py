"""The revision of applications with people under review and in reserve in the tables: nobody is lost on the way down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.models import Registration
from app.transaction import transaction
from tests.support.applying import apply, booking, reserve, session
from tests.support.database import MIGRATIONS
from tests.support.rows import the
from tests.support.stripe import StripeSimulator


def step(move: Callable[..., Any], revision: str) -> None:
    db.session.remove()
    move(directory=MIGRATIONS, revision=revision)


def test_reserve_is_under_review_below_and_stays_an_application_above(app: Flask, stripe_simulator: StripeSimulator) -> None:
    club_session = session()
    first, second = apply(club_session), apply(club_session)
    reserve(club_session, second)
    ids = [booking(first).id, booking(second).id]
    step(flask_migrate.downgrade, "0007")
    with db.engine.connect() as connection:
        below = connection.execute(text("SELECT id, status FROM registrations ORDER BY id")).all()
        assert [tuple(row) for row in below] == [(id_, "under_review") for id_ in ids]
    step(flask_migrate.upgrade, "head")
    again = [the(Registration, id=id_) for id_ in ids]
    assert [row.status.value for row in again] == ["under_review"] * 2
    assert all(row.applied_at == row.created_at for row in again)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'in_reserve'", "status = 'no_such_status'",
        "status = 'under_review', applied_at = NULL", "email = 'ana@example.org'",
    ],
)  # fmt: skip
def test_database_itself_refuses_what_no_application_can_be(
    app: Flask, stripe_simulator: StripeSimulator, change: str
) -> None:
    club_session = session()
    order = apply(club_session)
    apply(club_session, email="ana@example.org")
    with pytest.raises(DBAPIError), transaction() as session_:
        session_.execute(text(f"UPDATE registrations SET {change} WHERE id = {booking(order).id}"))  # noqa: S608
    assert booking(order).status.value == "under_review"
