"""A promotion code at Stripe, and somebody who types it on Stripe's page: all of it over HTTP. Called by tests of promotions."""

from __future__ import annotations

from typing import Any

import requests
import stripe

from app.models import ClubSession, Order, OrderItem
from app.services import health_check

from .factories import make_club_session
from .rows import all_of
from .settings import STRIPE_KEY
from .stripe import StripeSimulator

CODE = "CLUB"
PAID = ("paid", "registered", ["succeeded"])
LESS = {"stripe:clearing": 960, "revenue:registration": -960}
"""The books when a place of NZ$12.00 was paid with CLUB."""


def session(**changes: Any) -> ClubSession:
    """A session that takes promotion codes."""
    return make_club_session(allow_promotion_codes=True, **changes)


def check_money() -> None:
    """The books are what was captured, and paid orders are their lines."""
    assert not [finding for finding in health_check.findings() if "Ledger" in finding or "payments gave" in finding]
    for order in all_of(Order, status="paid"):
        assert sum(item.unit_amount_cents * item.quantity for item in all_of(OrderItem, order_id=order.id)) == order.total_cents


def make_promotion(simulator: StripeSimulator, **coupon: Any) -> None:
    """CLUB takes a fifth off, unless the coupon says otherwise."""
    client = stripe.StripeClient(STRIPE_KEY, base_addresses={"api": simulator.base_url})
    values: Any = {"duration": "once", **(coupon or {"percent_off": 20})}
    made = client.v1.coupons.create(values)
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": made.id}, "code": CODE})


def type_code(simulator: StripeSimulator, code: str = CODE) -> int:
    """Type a code on the newest Checkout's page; the status of its answer."""
    return requests.post(f"{simulator.checkout()['url']}/promotion-code", {"promotion_code": code}, timeout=10).status_code


def pay_with_code(simulator: StripeSimulator) -> None:
    """Type CLUB and pay what is left, if anything; tells nobody until ``deliver``."""
    assert type_code(simulator) == 200
    if simulator.checkout()["amount_total"]:
        simulator.pay()
        return
    answer = requests.post(simulator.checkout()["url"], {"email": "ana@example.org"}, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
