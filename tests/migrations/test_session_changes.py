"""Revision 0015 with a change that is half told: down forgets who was left, up tells nobody twice, and the session stays."""

from __future__ import annotations

from dataclasses import replace

import flask_migrate
import pytest
from flask import Flask

from app.extensions import db
from app.models import ClubSession, OutgoingEmail, SessionChange
from app.services import changed_sessions, club_sessions
from app.services.club_session_fields import ClubSessionFields
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_free_club_session
from tests.support.rows import count_of, the


def test_down_and_up_again_forgets_only_what_was_not_told(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_sessions, "BATCH", 1)
    session = make_free_club_session(slug="walk", location="The pier")
    for _ in range(2):
        begin(session, expected_price_cents=0)
    row = the(ClubSession)
    before = ClubSessionFields(**{name: getattr(row, name) for name in ClubSessionFields.__dataclass_fields__})
    club_sessions.edit("walk", replace(before, location="The harbour"), "user:1")
    changed_sessions.tell_due()
    assert the(SessionChange).told_at is None
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0014")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert changed_sessions.tell_due() == 0 and count_of(OutgoingEmail, template="session_changed") == 1
    assert the(ClubSession).location == "The harbour"
