"""Revision 0019: down and up again, sessions, orders and payments stay; what was there before has no promotion code."""

from __future__ import annotations

from typing import Any

import flask_migrate
from flask import Flask

from app.extensions import db
from app.models import ClubSession, Order, Payment
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session
from tests.support.rows import the


def test_down_and_up_again_forgets_the_setting_and_nothing_else(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session(allow_promotion_codes=True))
    assert the(Payment).takes_promotions
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0018")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(ClubSession).allow_promotion_codes, the(Payment).takes_promotions) == (False, False)
    assert (the(Order).token, the(Order).promotion_cents, the(Payment).amount_cents) == (token, 0, 1200)
