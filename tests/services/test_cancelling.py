"""Cancelling what is settled: the place is free at once, and what goes back is what the session's terms say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock as app_clock
from app.extensions import db
from app.models import AuditEntry, ClubSession, Order, OutgoingEmail, Refund, Registration
from app.queries import desk_registration, orders
from app.rules.refusals import OrderNotOpen
from app.rules.statuses import PaymentState, RefundPolicy
from app.services import cancelling, checkout, health_check, moving
from app.services.differences import Settlement, Settling
from tests.support.booking import at_once, balances, begin, mails, pay_late, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the


def paid(simulator: Any, club_session: ClubSession, **changes: Any) -> str:
    token = begin(club_session, **changes)
    simulator.pay()
    simulator.deliver()
    return token


def test_free_booking_is_cancelled_with_one_mail_and_without_stripe(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_free_club_session()
    token = begin(club_session, expected_price_cents=0, places=2)
    assert cancelling.cancel_order(token) == 0
    assert states(token) == ("cancelled", "cancelled", []) and taken(club_session) == 0
    work()
    assert mails() == ["confirmation", "cancelled"] and all(mail.sent_at for mail in all_of(OutgoingEmail))
    assert stripe_simulator.control.counts() == {} and the(Registration).payment_status is PaymentState.FREE


@pytest.mark.parametrize(("late", "back"), [(timedelta(), 2400), (timedelta(seconds=1), 0)])
def test_paid_booking_is_refunded_up_to_the_second_the_terms_name(
    app: Flask, stripe_simulator: Any, clock: FakeClock, late: timedelta, back: int
) -> None:
    club_session = make_club_session()
    token = paid(stripe_simulator, club_session, places=2)
    assert club_session.refund_until is not None
    clock.set(club_session.refund_until + late)
    assert cancelling.cancel_order(token) == back
    assert states(token) == ("cancelled", "cancelled", ["succeeded"]) and taken(club_session) == 0
    work()
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == back
    assert mails() == ["confirmation", "refunded_cancelled" if back else "cancelled"]
    assert the(Registration).payment_status is (PaymentState.REFUNDED if back else PaymentState.PAID)
    assert balances() == ({} if back else {"stripe:clearing": 2400, "revenue:registration": -2400})


@pytest.mark.parametrize(("terms", "back"), [
    ({"refund_policy": RefundPolicy.NONE}, 0),
    ({"refund_policy": RefundPolicy.PERCENTAGE, "refund_percent": 50}, 600),
    ({"refund_policy": RefundPolicy.FEE_KEPT, "refund_fee_cents": 200}, 1000),
    ({"refund_until": None}, 0),
])  # fmt: skip
def test_what_goes_back_is_what_the_sessions_terms_say(
    app: Flask, stripe_simulator: Any, terms: dict[str, Any], back: int
) -> None:
    token = paid(stripe_simulator, make_club_session(**terms))
    assert cancelling.cancel_order(token) == back
    work()
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == back
    expected = PaymentState.PARTIALLY_REFUNDED if back else PaymentState.PAID
    assert the(Registration).payment_status is expected


def test_cancelling_twice_and_at_once_refunds_once(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = paid(stripe_simulator, club_session)
    answers = at_once(app, *[lambda: cancelling.cancel_order(token)] * 4)
    assert sorted(str(a) if a == 1200 else type(a).__name__ for a in answers) == ["1200", *["OrderNotOpen"] * 3], answers
    work()
    assert count_of(Refund) == 1 and taken(club_session) == 0 and len(stripe_simulator.control.refunds()) == 1


def test_nothing_can_be_cancelled_once_it_has_started(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = paid(stripe_simulator, club_session)
    clock.set(club_session.starts_at)
    with pytest.raises(OrderNotOpen):
        cancelling.cancel_order(token)
    assert states(token) == ("paid", "registered", ["succeeded"]) and taken(club_session) == 1


@pytest.mark.parametrize("token", ["no-such-token", ""])
def test_unknown_order_cannot_be_cancelled(app: Flask, token: str) -> None:
    with pytest.raises(OrderNotOpen):
        cancelling.cancel_order(token)


def test_order_that_is_still_to_be_paid_is_not_cancelled_past_its_checkout(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    with pytest.raises(OrderNotOpen):
        cancelling.cancel_order(token)
    assert states(token) == ("pending", "held", ["open"]) and taken(club_session) == 1


def test_spot_on_the_waitlist_can_be_left(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=3)
    begin(club_session)
    token = begin(club_session, accept_waitlist=True, places=2)
    assert the(ClubSession).waitlist_taken == 2
    cancelling.cancel_order(token)
    assert states(token) == ("cancelled", "cancelled", []) and the(ClubSession).waitlist_taken == 0
    assert taken(club_session) == 1 and mails() == ["waitlisted", "cancelled"]


def test_who_cancelled_is_on_the_record(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_free_club_session(), expected_price_cents=0)
    cancelling.cancel_order(token, "user:7")
    entries = [(entry.actor, entry.subject_kind) for entry in all_of(AuditEntry, action="cancelled")]
    assert entries == [("user:7", "registration"), ("user:7", "order")]


def test_free_place_can_be_booked_again_by_the_same_person(app: Flask) -> None:
    club_session = make_free_club_session(capacity=1)
    token = begin(club_session, expected_price_cents=0, email="ana@example.org")
    cancelling.cancel_order(token)
    again = begin(club_session, expected_price_cents=0, email="ana@example.org")
    assert again != token and states(again)[0] == "paid" and taken(club_session) == 1


@pytest.mark.parametrize(("terms", "back"), [
    ({"refund_policy": RefundPolicy.PERCENTAGE, "refund_percent": 50}, 600),
    ({"refund_policy": RefundPolicy.FEE_KEPT, "refund_fee_cents": 500}, 700),
    ({}, 1200),
])  # fmt: skip
def test_terms_are_about_what_has_not_gone_back_before(
    app: Flask, stripe_simulator: Any, terms: dict[str, Any], back: int
) -> None:
    """One of two could not come, and staff gave that place's money back."""
    token = paid(stripe_simulator, make_club_session(**terms), places=2)
    mine = the(Registration).token
    moving.change_places(mine, 1, Settlement(Settling.REFUND, "One is ill", "m" * 20, -1200), "user:1")
    desk, page = desk_registration.page(mine), orders.page(token)
    assert desk is not None and (desk.terms_cents(app_clock.now()), desk.left_cents) == (back, 1200)
    booking = page.items[0].registration if page is not None else None
    assert booking is not None and (booking.left.kept_cents, booking.left.cents) == (1200, 1200)
    db.session.remove()
    assert cancelling.cancel_order(token) == back


def test_difference_that_bought_nothing_is_not_counted_as_gone_back(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    session = make_club_session(capacity=2, refund_policy=RefundPolicy.PERCENTAGE, refund_percent=50)
    token = paid(stripe_simulator, session)
    by_link = Settlement(Settling.LINK, "A friend", "m" * 20, 1200, pay_by=app_clock.now() + timedelta(hours=2))
    moving.change_places(the(Registration).token, 2, by_link, "user:1")
    difference = all_of(Order)[-1]
    checkout.pay(difference.token)
    clock.advance(hours=2, seconds=1)
    work()
    begin(session)
    pay_late(stripe_simulator, difference.token)
    work()
    assert the(Refund).amount_cents == 1200, "the place was gone"
    assert cancelling.cancel_order(token) == 600
    work()
    assert health_check.findings() == []
