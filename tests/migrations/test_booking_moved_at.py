"""Revision 0014: a booking that was moved before says so afterwards, by the record; another one does not."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app import clock
from app.extensions import db
from app.models import Registration
from app.services import audit
from app.transaction import transaction
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import all_of
from tests.web.desk import book


def test_record_says_when_a_booking_was_moved(app: Flask) -> None:
    session = make_club_session()
    book(session, "Ana Lee")
    book(session, "Bo Chen")
    ana, _bo = all_of(Registration)
    with transaction() as own:
        audit.record(own, "user:1", "moved", "registration", ana.id)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0013")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    moved, not_moved = all_of(Registration)
    assert moved.moved_at == clock.now() and not_moved.moved_at is None
