"""What the mails say of a difference: places that are paid too late are had again while they are free and told as many as there
are, and what becomes of its payment is never told of the booking itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from app import clock as app_clock
from app.models import ClubSession, Order, OutgoingEmail, Registration
from app.rules.statuses import RefundPolicy
from app.services import cancelling, checkout, health_check, moving
from app.services.differences import Settlement, Settling
from tests.support.booking import begin, event, order_of, pay_late, receive, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, the


def not_paid_in_time(simulator: Any, clock: FakeClock, session: ClubSession, *, added: int) -> tuple[Registration, Order]:
    """A booking of one place, and the order of the places added by a link that has run out."""
    token = begin(session)
    simulator.pay()
    simulator.deliver()
    row, until = the(Registration, order_id=order_of(token).id), app_clock.now() + timedelta(days=1)
    by_link = Settlement(Settling.LINK, "Asked by phone", "m" * 20, 1200 * added, pay_by=until)
    moving.change_places(row.token, 1 + added, by_link, "user:1")
    difference = all_of(Order)[-1]
    checkout.pay(difference.token)
    clock.advance(days=1, seconds=1)
    work()
    return row, difference


def test_added_places_that_are_paid_too_late_come_back_and_the_mail_counts_them(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    session = make_club_session()
    row, difference = not_paid_in_time(stripe_simulator, clock, session, added=2)
    assert taken(session) == 1, "not paid in time"
    pay_late(stripe_simulator, difference.token)
    after, told = the(Registration, id=row.id), all_of(OutgoingEmail, order_id=difference.id)[-1]
    assert (after.places, after.amount_paid_cents, taken(session)) == (3, 3600, 3)
    assert [item["session"]["places"] for item in told.context["items"]] == [3]
    assert health_check.findings() == []


def test_a_difference_that_is_paid_too_late_for_its_places_does_not_tell_away_the_booking(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    session = make_club_session(capacity=2)
    row, difference = not_paid_in_time(stripe_simulator, clock, session, added=1)
    begin(session)
    pay_late(stripe_simulator, difference.token)
    work()
    after, told = the(Registration, id=row.id), all_of(OutgoingEmail, order_id=difference.id)[-1]
    assert (after.status, after.places, after.amount_paid_cents, taken(session)) == ("registered", 1, 1200, 2)
    assert told.template == "refunded_mismatch" and "NZ$12.00" in (told.text_body or "")
    assert "not registered" not in (told.text_body or "") and health_check.findings() == []


def test_a_difference_whose_delayed_payment_fails_does_not_tell_away_the_booking(app: Flask, stripe_simulator: Any) -> None:
    session = make_club_session()
    token = begin(session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    row = the(Registration, order_id=order_of(token).id)
    by_link = Settlement(Settling.LINK, "Asked by phone", "m" * 20, 300, pay_by=app_clock.now() + timedelta(days=1))
    moving.move(row.token, make_club_session(non_member_price_cents=1500).slug, by_link, "user:1")
    difference = all_of(Order)[-1]
    checkout.pay(difference.token)
    receive(event("checkout.session.async_payment_failed", stripe_simulator.checkout()))
    work()
    told = the(OutgoingEmail, order_id=difference.id, template="payment_failed")
    assert "You are still registered" in (told.text_body or "") and the(Registration, id=row.id).status == "registered"


def test_who_paid_only_a_difference_and_cancels_too_late_is_not_told_that_nothing_was_charged(
    app: Flask, stripe_simulator: Any
) -> None:
    token = begin(make_free_club_session(), expected_price_cents=0)
    row = the(Registration, order_id=order_of(token).id)
    by_link = Settlement(Settling.LINK, "Asked by phone", "m" * 20, 1200, pay_by=app_clock.now() + timedelta(days=1))
    moving.move(row.token, make_club_session(refund_policy=RefundPolicy.NONE).slug, by_link, "user:1")
    checkout.pay(all_of(Order)[-1].token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 0
    work()
    said = the(OutgoingEmail, template="cancelled")
    for body in (said.text_body or "", said.html_body or ""):
        assert "Nothing is refunded for it." in body and "Nothing was charged" not in body
