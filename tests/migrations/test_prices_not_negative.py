"""Revision 0005 with sessions in the table: prices stay, none is below zero any more, down and up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.models import ClubSession, Registration
from app.services import health_check
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import the

PRICES = ("student_price_cents", "early_member_price_cents", "early_non_member_price_cents")


def step(move: Callable[..., Any], revision: str) -> None:
    db.session.remove()
    move(directory=MIGRATIONS, revision=revision)


def write(name: str, cents: int) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(f"UPDATE club_sessions SET {name} = {cents}"))  # noqa: S608 - names of ours


@pytest.mark.parametrize("name", PRICES)
def test_database_refuses_a_price_below_zero_and_before_it_did_not(app: Flask, name: str) -> None:
    make_club_session(**dict.fromkeys(PRICES, 900))
    with pytest.raises(IntegrityError, match=f"ck_club_sessions_{name}"):
        write(name, -1)
    step(flask_migrate.downgrade, "0004")
    write(name, -1)
    step(flask_migrate.upgrade, "head")
    session = the(ClubSession)
    assert {price: getattr(session, price) for price in PRICES} == {**dict.fromkeys(PRICES, 900), name: None}
    with pytest.raises(IntegrityError, match=f"ck_club_sessions_{name}"):
        write(name, -1)


def test_sessions_and_bookings_stay_down_and_up(app: Flask, stripe_simulator: Any) -> None:
    made = make_club_session(student_price_cents=0, early_member_price_cents=None, early_non_member_price_cents=1000)
    begin(made)
    for move, revision in ((flask_migrate.downgrade, "0004"), (flask_migrate.upgrade, "head")):
        step(move, revision)
    again = the(ClubSession)
    assert tuple(getattr(again, price) for price in PRICES) == (0, None, 1000)
    assert (again.id, again.places_taken, the(Registration).club_session_id) == (made.id, 1, made.id)
    assert health_check.findings() == []
