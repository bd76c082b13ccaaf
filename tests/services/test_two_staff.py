"""Two staff at the same moment: one refund of what is left, whatever they click, on both databases (promise 4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import Refund, Registration
from app.rules.refusals import InvalidInput
from app.services import health_check, staff_actions
from tests.support.booking import at_once, balances, begin, order_of, work
from tests.support.factories import make_club_session, make_plan
from tests.support.rows import all_of, the


def refund(token: str, key: str, cents: int = 1200) -> int:
    return staff_actions.refund(token, cents, "Asked by phone", "user:1", once=key)


@pytest.mark.parametrize("keys", [("a" * 20, "a" * 20), ("a" * 20, "b" * 20)], ids=["one form", "two forms"])
def test_two_refunds_of_all_at_once_are_one(app: Flask, stripe_simulator: Any, keys: tuple[str, str]) -> None:
    order = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    token = the(Registration, order_id=order_of(order).id).token
    results = at_once(app, *[lambda key=key: refund(token, key) for key in keys])
    assert results.count(1200) == 1 and (0 in results or any(isinstance(no, InvalidInput) for no in results))
    work()
    stripe_simulator.deliver()
    assert [one.amount_cents for one in all_of(Refund)] == [1200] and balances() == {}
    assert health_check.findings() == []


def test_two_refunds_of_a_booking_do_not_touch_the_membership_bought_with_it(app: Flask, stripe_simulator: Any) -> None:
    """One payment of NZ$68.00: NZ$60.00 of it is a membership's, however often the booking's NZ$8.00 are asked back."""
    plan = make_plan()
    order = begin(make_club_session(), expected_price_cents=800, join_plan=plan.slug)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    token = the(Registration, order_id=order_of(order).id).token
    results = at_once(app, *[lambda key=key: refund(token, key, 800) for key in ("a" * 20, "b" * 20)])
    assert results.count(800) == 1 and any(isinstance(no, InvalidInput) for no in results)
    assert [one.amount_cents for one in all_of(Refund)] == [800]
