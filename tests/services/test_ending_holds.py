"""Staff end a running hold: the place comes free only when Stripe says that it can no longer be paid (promise 10)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Registration
from app.queries import desk_registration
from app.rules.refusals import InvalidInput, OrderNotOpen
from app.rules.statuses import OrderStatus, WaitlistPayment
from app.services import cancelling, ending, ending_holds, staff_actions
from app.services.ending_holds import Outcome
from tests.support.booking import at_once, begin, do_not_pause, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the

ONCE = "k" * 20


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def end(order_token: str, once: str = ONCE, reason: str = "Wrong evening") -> Outcome:
    token = the(Registration, order_id=order_of(order_token).id).token
    return ending_holds.end_hold(token, reason, "user:1", once=once)


def test_ended_hold_can_no_longer_be_paid_and_its_place_goes_to_who_waits(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=5)
    token = begin(club_session)
    checkout = stripe_simulator.checkout()["id"]
    waits = begin(club_session, accept_waitlist=True)
    assert end(token) == Outcome(OrderStatus.CANCELLED, paying=False)
    assert stripe_simulator.control.sessions()[0]["status"] == "expired" and checkout
    assert states(token)[:2] == ("cancelled", "cancelled")
    assert the(Registration, order_id=order_of(waits).id).status == "offered" and taken(club_session) == 1
    entry = the(AuditEntry, action="hold_ended")
    assert (entry.actor, entry.detail["reason"]) == ("user:1", "Wrong evening")


def test_stripe_away_keeps_the_place_and_the_wish(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.fail("*", "timeout", times=50, seconds=0)
    assert end(token) == Outcome(OrderStatus.PENDING, paying=False)
    assert states(token)[:2] == ("pending", "held") and taken(club_session) == 1
    stripe_simulator.control.clear_faults()
    clock.advance(minutes=1)
    work()
    assert states(token)[:2] == ("cancelled", "cancelled") and taken(club_session) == 0


def test_paid_in_that_very_moment_is_confirmed_and_not_ended(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()  # and no webhook yet
    assert end(token) == Outcome(OrderStatus.PAID, paying=False)
    assert states(token)[:2] == ("paid", "registered") and mails() == ["confirmation"]


def test_second_click_after_it_was_paid_ends_nothing(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    assert [end(token) for _ in range(2)] == [Outcome(OrderStatus.PAID, paying=False)] * 2
    assert states(token)[:2] == ("paid", "registered") and taken(club_session) == 1


def test_word_of_the_payment_between_the_wish_to_give_up_and_its_end_keeps_the_place(app: Flask, stripe_simulator: Any) -> None:
    """Whoever ends it (the page, the worker) finds no attempt open any more: that is no reason to let go of what was paid."""
    club_session = make_club_session()
    token = begin(club_session)
    order_id = ending._wish_to_cancel(token, "guest")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    ending.end_order(order_id)
    assert states(token)[:2] == ("paid", "registered") and taken(club_session) == 1 and mails() == ["confirmation"]


def test_spot_that_is_paid_upfront_is_ended_at_stripe_and_not_cancelled_beside_it(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=5, waitlist_payment=WaitlistPayment.UPFRONT)
    begin(club_session)
    waits = begin(club_session, accept_waitlist=True)
    checkout = stripe_simulator.checkout()["id"]
    registration = the(Registration, order_id=order_of(waits).id)
    with pytest.raises(OrderNotOpen):
        staff_actions.cancel(registration.token, 0, "Wrong evening", "user:1", once="c" * 20)
    with pytest.raises(OrderNotOpen):
        cancelling.cancel_order(waits)
    page = desk_registration.page(registration.token)
    assert page is not None and page.may_end_hold and not page.may_cancel
    assert end(waits) == Outcome(OrderStatus.CANCELLED, paying=False)
    assert [s["status"] for s in stripe_simulator.control.sessions() if s["id"] == checkout] == ["expired"]
    assert states(waits)[:2] == ("cancelled", "cancelled")


def test_two_clicks_end_it_once_and_another_form_finds_nothing_held(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    outcomes = at_once(app, *[lambda: end(token)] * 3)
    assert outcomes == [Outcome(OrderStatus.CANCELLED, paying=False)] * 3
    assert taken(club_session) == 0 and count_of(AuditEntry, action="hold_ended") == 1
    with pytest.raises(OrderNotOpen):
        end(token, once="another-form-of-somebody")


@pytest.mark.databases("sqlite")
def test_it_needs_a_reason_and_a_hold(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    with pytest.raises(InvalidInput):
        end(token, reason=" ")
    with pytest.raises(OrderNotOpen):
        ending_holds.end_hold("x" * 32, "Why", "user:1", once=ONCE)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    with pytest.raises(OrderNotOpen):
        end(token)
