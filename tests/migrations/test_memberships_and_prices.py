"""Revision 0002 with memberships, prices and lines in the tables: what was there before it stays, down and up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_migrate
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import ClubSession, Membership, OrderItem
from tests.support.booking import begin
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session, make_membership, make_plan, make_user
from tests.support.rows import all_of, the
from tests.support.stripe import StripeSimulator


def step(move: Callable[..., Any], revision: str) -> None:
    db.session.remove()
    move(directory=MIGRATIONS, revision=revision)


def test_down_and_up_again_keeps_sessions_items_and_memberships(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(price_cents=1500), make_user()
    own = make_membership(person, plan_id=plan.id, reminded_days=30)
    session = make_club_session(student_price_cents=900, early_non_member_price_cents=1000)
    begin(session, expected_price_cents=800, join_plan=plan.slug, places=2)
    items = [(item.id, item.unit_amount_cents, item.quantity) for item in all_of(OrderItem)]
    step(flask_migrate.downgrade, "0001")
    with db.engine.connect() as connection:
        kept = connection.execute(text("SELECT id, unit_amount_cents, quantity FROM order_items ORDER BY id")).all()
        assert [tuple(row) for row in kept] == items
        assert connection.execute(text("SELECT count(*) FROM memberships")).scalar_one() == 1
    step(flask_migrate.upgrade, "head")
    assert [(item.id, item.unit_amount_cents, item.quantity) for item in all_of(OrderItem)] == items
    assert {item.lines for item in all_of(OrderItem)} == {None}
    again = the(ClubSession)
    assert (again.id, again.non_member_price_cents, again.student_price_cents) == (session.id, 1200, None)
    assert (the(Membership).id, the(Membership).ends_on, the(Membership).reminded_days) == (own.id, own.ends_on, None)
