"""A code of the club's on three forms, and one of Stripe's on its own page, in a real browser. JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.models import Membership, Order, Registration
from tests.journeys.walk import CARD, Walk
from tests.support.factories import make_club_session, make_plan, make_voucher
from tests.support.promotions import make_promotion
from tests.support.rows import count_of, the

pytestmark = pytest.mark.browser


def test_guest_pays_for_a_basket_with_a_code_after_a_wrong_one(walk: Walk, stripe: Any, work: Callable[[], None]) -> None:
    make_club_session(title="Badminton", slug="badminton")
    make_plan(name="Club membership", price_cents=6000, slug="club")
    make_voucher()
    walk.open("/membership/club/join")
    walk.fill(name="Ana Petrova", email="ana@example.org", code="winter")
    walk.press("Continue")
    walk.look("membership form with a code that is none")
    assert walk.page.title().startswith("Error: ") and walk.page.locator("[name=code]").input_value() == "WINTER"
    walk.fill(code="summer")
    walk.press("Continue")
    walk.look("membership with a code")
    assert walk.fact("Total") == "NZ$45.00" and walk.fact("Code") == "Code SUMMER: you save NZ$15.00"
    for path in ("/basket/add/membership/club", "/basket/add/registration/badminton"):
        walk.open(path)
        walk.press("Put it in the basket")
    walk.fill(name="Ana Petrova", email="ana@example.org", code="winter")
    walk.press("Use the code")
    walk.look("basket with a code that is none")
    walk.fill(code="summer")
    walk.enter("code")
    walk.look("basket with a code")
    assert "With your code it costs less." in walk.text and "Code SUMMER: you save NZ$17.00" in walk.text
    walk.enter("name")  # the main button, though "Use the code" is in the same form
    assert walk.pay_with(CARD, words="Pay NZ$51.00") == 200
    walk.look("order page of a basket with a code")
    stripe.deliver()
    work()
    assert (the(Registration).status, count_of(Membership), the(Order).total_cents) == ("registered", 1, 5100)


def test_guest_types_a_promotion_code_on_stripes_page(walk: Walk, stripe: Any, work: Callable[[], None]) -> None:
    make_club_session(title="Badminton", slug="badminton", allow_promotion_codes=True)
    make_promotion(stripe)
    walk.ask("badminton")
    walk.look("check page of a session that takes promotion codes")
    walk.press("Pay NZ$12.00")
    walk.fill(promotion_code="club")
    walk.press("Apply the code")
    assert walk.pay_with(CARD, words="Pay NZ$9.60") == 200
    walk.look("order page with a promotion code")
    assert walk.h1 == "You are registered" and "Promotion code: you save NZ$2.40" in walk.text
    stripe.deliver()
    work()
    assert (the(Registration).amount_paid_cents, the(Order).promotion_cents) == (960, 240)
