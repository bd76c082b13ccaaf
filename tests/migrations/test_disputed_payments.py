"""The revision that remembers what banks hold back: filled from the books of disputes that were open, lost and won before it."""

from __future__ import annotations

from typing import Any

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import Payment
from tests.support.booking import begin, payments_of
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import all_of


def test_disputes_of_before_are_known_after_it(app: Flask, stripe_simulator: Any) -> None:
    for number, end in enumerate((None, "lost", "won", "none at all")):
        token = begin(make_club_session(), email=f"person{number}@example.org", attempt=f"attempt-{number}")
        stripe_simulator.pay()
        stripe_simulator.deliver()
        if end != "none at all":
            dispute = stripe_simulator.control.dispute(payments_of(token)[0].payment_intent_id)["id"]
            if end is not None:
                stripe_simulator.control.close_dispute(dispute, end)
        stripe_simulator.deliver()
    held = [1200, 1200, 0, 0]
    assert [payment.disputed_cents for payment in all_of(Payment)] == held
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0024")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert [payment.disputed_cents for payment in all_of(Payment)] == held
