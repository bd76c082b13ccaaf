"""Places added to a booking and paid after their order ended: had again while they are free, and told as many as there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from app import clock as app_clock
from app.models import Order, OutgoingEmail, Registration
from app.services import checkout, health_check, moving
from app.services.differences import Settlement, Settling
from tests.support.booking import begin, order_of, pay_late, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, the


def test_added_places_that_are_paid_too_late_come_back_and_the_mail_counts_them(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    session = make_club_session()
    token = begin(session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    row = the(Registration, order_id=order_of(token).id)
    by_link = Settlement(Settling.LINK, "Asked by phone", "m" * 20, 2400, pay_by=app_clock.now() + timedelta(days=1))
    moving.change_places(row.token, 3, by_link, "user:1")
    difference = all_of(Order)[-1]
    checkout.pay(difference.token)
    clock.advance(days=1, seconds=1)
    work()
    assert taken(session) == 1, "not paid in time"
    pay_late(stripe_simulator, difference.token)
    after, told = the(Registration, id=row.id), all_of(OutgoingEmail, order_id=difference.id)[-1]
    assert (after.places, after.amount_paid_cents, taken(session)) == (3, 3600, 3)
    assert [item["session"]["places"] for item in told.context["items"]] == [3]
    assert health_check.findings() == []
