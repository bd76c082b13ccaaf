"""The reserve: a place that somebody gives up goes to the next who fits, in order, in the same transaction; no other place."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import OutgoingEmail
from app.services import cancelling, ending, offers, staff_actions
from tests.support.applying import STAFF, accept, apply, booking, counters, held, reserve, session, status
from tests.support.booking import balances, mails, pay_late, payments_of, taken, work
from tests.support.clock import FakeClock
from tests.support.rows import the
from tests.support.stripe import StripeSimulator


def test_offer_not_taken_in_time_rolls_to_the_next_in_reserve(app: Flask, clock: FakeClock) -> None:
    club_session = session(capacity=1)
    accepted, second, third = (apply(club_session) for _ in range(3))
    accept(club_session, accepted)
    reserve(club_session, third)
    clock.advance(minutes=1)
    reserve(club_session, second)
    work()
    clock.advance(hours=30)
    work()
    assert [status(order) for order in (accepted, third, second)] == ["expired", "offered", "in_reserve"]
    assert counters(club_session) == (1, 0, 0)
    assert the(OutgoingEmail, template="accepted", to=booking(third).email).context["offer"]["rolled"] is True


def test_those_put_in_reserve_together_stand_in_the_order_they_applied(app: Flask) -> None:
    club_session = session(capacity=1)
    accepted, second, third = (apply(club_session) for _ in range(3))
    accept(club_session, accepted)
    reserve(club_session, third, second)
    offers.decline(booking(accepted).token)
    assert [status(order) for order in (accepted, second, third)] == ["cancelled", "offered", "in_reserve"]


@pytest.mark.parametrize("way", ["withdrawn", "given up", "cancelled by staff"])
def test_every_way_of_losing_a_place_rolls_it_on(app: Flask, stripe_simulator: StripeSimulator, way: str) -> None:
    club_session = session(capacity=1)
    first = apply(club_session) if way == "withdrawn" else held(club_session)
    second = apply(club_session)
    if way == "withdrawn":
        accept(club_session, first)
    reserve(club_session, second)
    match way:
        case "withdrawn":
            cancelling.cancel_order(first)
        case "given up":
            ending.give_up(first)
        case _:
            stripe_simulator.pay(payments_of(first)[0].checkout_id or "")
            stripe_simulator.deliver()
            staff_actions.cancel(booking(first).token, 0, "asked", STAFF, once="once-and-for-all")
    assert (status(first), status(second)) == ("cancelled", "offered")
    assert counters(club_session) == (1, 0, 0)


def test_place_that_never_was_anybodys_is_the_committees_to_give(app: Flask) -> None:
    club_session = session(capacity=3)
    order = apply(club_session)
    reserve(club_session, order)
    work()
    assert (status(order), taken(club_session)) == ("in_reserve", 0)
    accept(club_session, order)
    assert status(order) == "offered"


def test_group_in_reserve_that_does_not_fit_keeps_its_turn(app: Flask) -> None:
    club_session = session(capacity=2)
    one, two = apply(club_session), apply(club_session)
    group, single = apply(club_session, places=2), apply(club_session)
    accept(club_session, one, two)
    reserve(club_session, group, single)
    cancelling.cancel_order(one)
    assert (status(group), status(single)) == ("in_reserve", "offered")
    assert counters(club_session) == (2, 0, 0)


def test_late_payment_of_a_rolled_on_place_goes_back(app: Flask, clock: FakeClock, stripe_simulator: StripeSimulator) -> None:
    club_session = session(capacity=1)
    first, second = held(club_session), apply(club_session)
    reserve(club_session, second)
    clock.advance(hours=30)
    work()
    assert (status(first), status(second)) == ("expired", "offered")
    pay_late(stripe_simulator, first)
    assert (status(first), status(second), taken(club_session)) == ("expired", "offered", 1)
    assert mails()[-1] == "refunded_late" and "revenue:registration" not in balances()
