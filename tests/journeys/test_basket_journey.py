"""Several things bought at once in a real browser, by somebody without an account. JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.models import BasketItem, Membership, Registration
from tests.journeys.walk import CARD, Walk
from tests.support.factories import make_club_session, make_plan
from tests.support.rows import all_of, count_of

pytestmark = pytest.mark.browser


def test_guest_buys_two_sessions_and_a_membership_at_once(walk: Walk, stripe: Any, work: Callable[[], None]) -> None:
    make_club_session(title="Badminton", slug="badminton")
    make_club_session(title="Chess", slug="chess")
    make_plan(name="Club membership", price_cents=1500)
    for slug in ("badminton", "chess"):
        walk.open(f"/sessions/{slug}")
        walk.follow("Put it in your basket, to pay for several things at once")
        walk.press("Put it in the basket")
    walk.look("basket of two sessions")
    walk.open("/membership")
    walk.follow("Put it in your basket: Club membership")
    walk.look("putting a membership in the basket")
    walk.press("Put it in the basket")
    walk.look("basket")
    walk.press("Pay NZ$31.00")
    assert walk.page.title().startswith("Error: ")
    walk.fill(name="Ana Petrova", email="ana@example.org")
    walk.press("Pay NZ$31.00")
    assert walk.page.url == stripe.checkout()["url"] and count_of(BasketItem) == 3
    assert walk.pay_with(CARD, words="Pay NZ$31.00") == 200
    walk.look("order page of a basket")
    assert walk.h1 == "You are registered" and count_of(BasketItem) == 0
    stripe.deliver()
    work()
    assert [r.status for r in all_of(Registration)] == ["registered"] * 2 and count_of(Membership) == 1
