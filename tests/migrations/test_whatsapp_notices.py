"""The revision of WhatsApp notices with a number and a notice in the tables: down, the booking stays; up, it has neither."""

from __future__ import annotations

from typing import Any

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import OutgoingNotice, Registration
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_free_club_session
from tests.support.rows import count_of, the


def test_down_and_up_again_keeps_the_booking(whatsapp_server: Any, app: Flask) -> None:
    begin(make_free_club_session(), expected_price_cents=0, whatsapp_number="+64211234567")
    assert count_of(OutgoingNotice) == 1
    kept = the(Registration).token
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0016")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert count_of(OutgoingNotice) == 0 and the(Registration).token == kept
    assert (the(Registration).whatsapp_number, the(Registration).whatsapp_agreed_at) == (None, None)
