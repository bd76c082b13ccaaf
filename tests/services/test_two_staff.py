"""Two staff at the same moment: one refund of what is left, whatever they click, on both databases (promise 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import Order, Refund, Registration
from app.rules.refusals import InvalidInput, PriceChanged
from app.services import differences, ending, health_check, moving, staff_actions
from app.services.differences import Settlement, Settling
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


def test_a_page_that_is_behind_settles_no_other_sum_than_it_showed(app: Flask, stripe_simulator: Any) -> None:
    order = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    token = the(Registration, order_id=order_of(order).id).token

    def owe(cents: int, price: int, key: str) -> None:
        """Moved to a dearer session, and the link taken back: the difference stays owed."""
        by_link = Settlement(Settling.LINK, "Asked by phone", key * 20, cents, pay_by=clock.now() + timedelta(days=1))
        moving.move(token, make_club_session(non_member_price_cents=price).slug, by_link, "user:1")
        ending.give_up(all_of(Order)[-1].token)

    owe(300, 1500, "a")
    seen = Settlement(Settling.WAIVE, "A friend of the club", "w" * 20, 300)
    differences.settle_owed(token, Settlement(Settling.CASH, "Paid at the desk", "c" * 20, 300), "user:2")
    owe(2500, 4000, "b")
    with pytest.raises(PriceChanged):
        differences.settle_owed(token, seen, "user:1")
    assert the(Registration).owed_cents == 2500
