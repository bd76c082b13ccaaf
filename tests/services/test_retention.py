"""`flask purge` forgets people whom nobody needs to know any more; what the books need stays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, ClubSession, LedgerEntry, Order, OutgoingEmail, Payment, Registration, StripeEvent
from app.services import checkout, health_check, reconciling, retention
from app.services.memberships import Joiner
from app.transaction import transaction
from tests.support.booking import balances, begin, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_plan
from tests.support.parts import booking, come, paid, pay
from tests.support.rows import all_of, count_of, the

LONG = retention.KEEP + timedelta(days=8)


@pytest.fixture
def long_ago(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """Somebody paid and came, more than two years ago."""
    begin(make_club_session(), name="Ana Lee", email="ana.lee@example.org")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    reconciling.reconcile()
    clock.advance(days=LONG.days)


def test_nothing_of_the_person_is_left_and_all_of_the_books(long_ago: None) -> None:
    before, entries = balances(), count_of(LedgerEntry)
    assert retention.purge() == 1
    for row in (the(Registration), the(Order)):
        assert "ana" not in row.email.lower() and row.name == "(forgotten)"
    assert the(Payment).params == {} and count_of(OutgoingEmail) == 0
    said = json.dumps([row.payload for row in all_of(StripeEvent)])
    assert "ana.lee" not in said.lower() and "Ana" not in said
    assert (balances(), count_of(LedgerEntry)) == (before, entries)
    assert (the(Payment).captured_cents, the(Registration).status) == (1200, "registered")
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_purging_again_changes_nothing(long_ago: None) -> None:
    retention.purge()
    assert retention.purge() == 0


@pytest.mark.databases("sqlite")
def test_recent_bookings_and_events_stay(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session(), name="Ana Lee", email="ana.lee@example.org")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(days=60)
    assert retention.purge() == 0
    assert the(Registration).email == "ana.lee@example.org" and all(row.payload for row in all_of(StripeEvent))
    clock.advance(days=60)
    assert retention.purge() == 0
    assert the(Registration).email == "ana.lee@example.org" and not any(row.payload for row in all_of(StripeEvent))


@pytest.mark.databases("sqlite")
def test_repeated_event_is_still_known_when_its_words_are_forgotten(long_ago: None, stripe_simulator: Any) -> None:
    retention.purge()
    known = all_of(StripeEvent)
    for row in known:
        stripe_simulator.control.repeat(row.id)
    assert {status for _, status in stripe_simulator.deliver()} == {200}
    assert len(all_of(StripeEvent)) == len(known) and not any(row.payload for row in all_of(StripeEvent))


@pytest.mark.databases("sqlite")
def test_order_is_forgotten_with_its_last_booking(
    stripe_simulator: Any, app: Flask, clock: FakeClock
) -> None:
    early, late = make_club_session(), make_club_session()
    with transaction() as session:
        onward = {"starts_at": late.starts_at + timedelta(days=90), "ends_at": late.ends_at + timedelta(days=90)}
        session.execute(update(ClubSession).where(ClubSession.id == late.id).values(onward))
    token = paid(stripe_simulator, early, late, email="ana.lee@example.org")
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 1
    assert (order_of(token).name, booking(token, early).name, booking(token, late).name) == ("Ana Lee", "(forgotten)", "Ana Lee")
    clock.advance(days=90)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and count_of(OutgoingEmail) == 0
    assert the(Payment).params == {} and retention.purge() == 0 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_order_without_a_booking_is_forgotten_long_after_what_it_bought(
    stripe_simulator: Any, app: Flask, clock: FakeClock
) -> None:
    plan, email = make_plan(price_cents=1500), "ana.lee@example.org"
    token = checkout.begin_membership(plan.slug, Joiner("Ana Lee", email, 1500, "joins")).order_token
    pay(stripe_simulator, token)
    come(stripe_simulator)
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 0 and order_of(token).name == "Ana Lee", "the membership ended less than two years ago"
    clock.advance(days=366)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and order.total_cents == 1500
    assert (the(Payment).params, count_of(OutgoingEmail), retention.purge()) == ({}, 0, 0)
    assert the(AuditEntry, action="forgotten").subject_kind == "order" and count_of(Order) == 1
