"""Revision 0009 with bookings, lines and notes in the tables: bookings and lines stay, down and up; notes go with their table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_migrate
from flask import Flask
from sqlalchemy import inspect

from app.extensions import db
from app.models import BookingNote, OrderItem, Registration
from app.services import booking_contact
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_free_club_session
from tests.support.rows import all_of, the


def step(move: Callable[..., Any], revision: str) -> None:
    db.session.remove()
    move(directory=MIGRATIONS, revision=revision)


def test_down_and_up_again_keeps_bookings_and_their_lines(app: Flask, stripe_simulator: object) -> None:
    begin(make_free_club_session(), expected_price_cents=0, places=2)
    before = the(Registration)
    booking_contact.note(before.token, "Brings a guide dog", "user:1", once="n" * 20)
    step(flask_migrate.downgrade, "0008")
    assert "owed_cents" not in {column["name"] for column in inspect(db.engine).get_columns("registrations")}
    step(flask_migrate.upgrade, "head")
    after, item = the(Registration), the(OrderItem)
    assert (after.id, after.places, after.owed_cents) == (before.id, 2, 0)
    assert (item.registration_id, item.added_places) == (before.id, 0) and all_of(BookingNote) == []
