"""Revision 0021: down and up again, notices of bookings stay, those of orders without one go with their numbers."""

from __future__ import annotations

from typing import Any

import flask_migrate
from flask import Flask

from app import clock
from app.extensions import db
from app.models import Order, OutgoingNotice, Registration
from app.transaction import transaction
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import the


def test_down_and_up_again_keeps_the_notices_of_bookings(app: Flask, stripe_simulator: Any) -> None:
    begin(make_club_session())
    now, order_id, registration_id = clock.now(), the(Order).id, the(Registration).id
    with transaction() as own:
        own.query(Order).update({"whatsapp_number": "+64211234567", "whatsapp_agreed_at": now})
        own.add(OutgoingNotice(dedupe_key="a", kind="order_complete", context={}, next_attempt_at=now, order_id=order_id))
        own.add(
            OutgoingNotice(
                dedupe_key="b", kind="booking_confirmed", context={}, next_attempt_at=now, registration_id=registration_id
            )
        )
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0020")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(OutgoingNotice).dedupe_key, the(OutgoingNotice).registration_id) == ("b", registration_id)
    assert (the(Order).whatsapp_number, the(Order).whatsapp_agreed_at) == (None, None)
