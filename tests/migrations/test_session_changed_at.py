"""Revision 0010: down and up again, sessions stay, and none counts as changed."""

from __future__ import annotations

import flask_migrate
from flask import Flask

from app import clock
from app.extensions import db
from app.models import ClubSession
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import the


def test_down_and_up_again_keeps_the_sessions(app: Flask) -> None:
    session = make_club_session(slug="walk", changed_at=clock.now())
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0009")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(ClubSession).id, the(ClubSession).slug, the(ClubSession).changed_at) == (session.id, "walk", None)
