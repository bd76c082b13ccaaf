"""Whatever the club sells goes through every flow: paid, not paid, paid late, paid twice, refunded, and the process killed.

Run for each kind that is registered: one without a driver in ``tests.support.selling`` fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import Order, OrderItem, OutgoingEmail, Payment, Refund
from app.rules.statuses import ItemKind
from app.services import checkout, ending, health_check, item_kinds
from tests.crashes.dying import Death, Fate
from tests.support.booking import balances, order_of, pay_late, payments_of, work
from tests.support.clock import FakeClock
from tests.support.rows import all_of, the
from tests.support.selling import DRIVERS, Driver, address, item_of
from tests.support.stripe import StripeSimulator

KINDS = [kind.kind for kind in item_kinds.KINDS]
every_kind = pytest.mark.parametrize("kind", KINDS)
PRICE = 1200


@pytest.fixture
def driver(kind: ItemKind) -> Driver:
    assert kind in DRIVERS, f"tell tests.support.selling how {kind} is sold"
    return DRIVERS[kind]


def come(simulator: StripeSimulator) -> None:
    """Stripe says what happened, and the worker does what is due."""
    simulator.deliver()
    work()


def paid(simulator: StripeSimulator) -> None:
    simulator.pay()
    come(simulator)


def kept_of(simulator: StripeSimulator, token: str) -> int:
    """What Stripe holds of this order, in minor units."""
    mine = [p for p in simulator.control.payments() if p["metadata"].get("orderId") == order_of(token).reference]
    return sum(p["amount_received"] - p["amount_refunded"] for p in mine)


def letters(token: str) -> list[str]:
    return [mail.template for mail in all_of(OutgoingEmail, order_id=order_of(token).id)]


def hold_ends(token: str, clock: FakeClock) -> None:
    clock.advance(minutes=36)
    ending.end_order(order_of(token).id)
    assert order_of(token).status == "expired"


def test_no_two_kinds_have_one_name_or_one_rank(sqlite_app: Flask) -> None:
    assert len({kind.kind for kind in item_kinds.KINDS}) == len({kind.rank for kind in item_kinds.KINDS}) == len(KINDS)
    assert set(DRIVERS) == set(KINDS)


@every_kind
def test_paid_is_had(app: Flask, stripe_simulator: StripeSimulator, driver: Driver, kind: ItemKind) -> None:
    token = driver.order(address())
    assert (order_of(token).status, driver.has(token)) == ("pending", False)
    paid(stripe_simulator)
    assert (order_of(token).status, driver.has(token), kept_of(stripe_simulator, token)) == ("paid", True, PRICE)
    assert balances() == {"stripe:clearing": PRICE, f"revenue:{kind}": -PRICE}
    assert letters(token) == [driver.letter] and health_check.findings() == []


@every_kind
@pytest.mark.databases("sqlite")
def test_word_of_it_again_changes_nothing(app: Flask, stripe_simulator: StripeSimulator, driver: Driver) -> None:
    token = driver.order(address())
    paid(stripe_simulator)
    before = [(m.id, m.sent_at) for m in all_of(OutgoingEmail)], balances(), [p.status for p in payments_of(token)]
    for event in stripe_simulator.control.events():
        stripe_simulator.control.repeat(event["id"], new_id_too=True)
    come(stripe_simulator)
    after = [(m.id, m.sent_at) for m in all_of(OutgoingEmail)], balances(), [p.status for p in payments_of(token)]
    assert (before, driver.has(token)) == (after, True)


@every_kind
def test_not_paid_is_not_had_and_nothing_is_kept(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    token = driver.order(address())
    kept = driver.keeps(token)
    stripe_simulator.pay(card="4000000000000002")  # declined
    come(stripe_simulator)
    assert (driver.has(token), driver.keeps(token)) == (False, kept), "one card declined ends nothing"
    hold_ends(token, clock)
    work()
    assert (driver.has(token), driver.keeps(token), kept_of(stripe_simulator, token)) == (False, False, 0)
    assert balances() == {} and driver.letter not in letters(token) and health_check.findings() == []


@every_kind
@pytest.mark.databases("sqlite")
def test_given_up_is_let_go(app: Flask, stripe_simulator: StripeSimulator, driver: Driver) -> None:
    token = driver.order(address())
    ending.give_up(token)
    assert (order_of(token).status, driver.has(token), driver.keeps(token)) == ("cancelled", False, False)


@every_kind
@pytest.mark.databases("sqlite")
def test_next_attempt_is_for_the_very_same(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    token = driver.order(address())
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    checkout.pay(token)
    first, second = payments_of(token)
    for part in ("line_items", "metadata", "payment_intent_data", "customer_email"):
        assert first.params[part] == second.params[part], part
    paid(stripe_simulator)
    assert driver.has(token)


@every_kind
def test_paid_late_and_still_there_is_had(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    token = driver.order(address())
    hold_ends(token, clock)
    pay_late(stripe_simulator, token)
    work()
    assert (order_of(token).status, driver.has(token), kept_of(stripe_simulator, token)) == ("paid", True, PRICE)
    assert health_check.findings() == []


@every_kind
def test_paid_late_and_gone_is_refunded_with_an_apology(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    token = driver.order(address())
    driver.vanish(token)
    paid(stripe_simulator)
    assert (driver.has(token), driver.keeps(token), kept_of(stripe_simulator, token)) == (False, False, 0)
    assert (the(Refund).amount_cents, letters(token), balances()) == (PRICE, [driver.apology], {})
    assert health_check.findings() == []


@every_kind
def test_paid_twice_is_had_once_and_the_second_goes_back(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    token = driver.order(address())
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    checkout.pay(token)
    paid(stripe_simulator)
    pay_late(stripe_simulator, token)
    work()
    assert [p.captured_cents for p in payments_of(token)] == [PRICE, PRICE]
    assert (driver.has(token), kept_of(stripe_simulator, token), the(Refund).amount_cents) == (True, PRICE, PRICE)
    assert letters(token) == [driver.letter, "refunded_double"] and health_check.findings() == []


@every_kind
@pytest.mark.parametrize("cents", [PRICE, PRICE - 1])
def test_refund_in_full_takes_it_away_and_in_part_does_not(
    app: Flask, stripe_simulator: StripeSimulator, driver: Driver, cents: int
) -> None:
    token = driver.order(address())
    paid(stripe_simulator)
    stripe_simulator.control.refund(stripe_simulator.control.payments()[-1]["id"], cents)
    come(stripe_simulator)
    assert driver.has(token) is not (cents == PRICE and driver.lost_by_refund)
    assert (the(Refund).order_item_id, kept_of(stripe_simulator, token)) == (item_of(token).id, PRICE - cents)
    assert health_check.findings() == []


@every_kind
@pytest.mark.databases("sqlite")
def test_its_pages_say_how_it_stands(app: Flask, stripe_simulator: StripeSimulator, pages: Any, driver: Driver) -> None:
    token = driver.order(address())
    unpaid = pages.get(f"/orders/{token}")
    assert "NZ$12.00" in unpaid.text and item_of(token).description in unpaid.text
    assert pages.get(f"/orders/{token}/cancelled").status == 200
    paid(stripe_simulator)
    shown = pages.get(f"/orders/{token}")
    assert shown.h1 not in (unpaid.h1, "Cancelled", "We are checking your payment")
    assert item_of(token).description in shown.text


@every_kind
@pytest.mark.databases("sqlite")
def test_death_at_any_commit_is_survived(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, driver: Driver
) -> None:
    """Ordered, paid, heard of and mailed, dying before and after each commit; what starts afterwards puts it right."""
    fate = Fate()
    with fate.over_commits():
        with fate.watching() as points:
            _live(stripe_simulator, driver, address())
        assert len(points) >= 8
        for number in range(len(points)):
            buyer = address()
            _die(fate, number, lambda buyer=buyer: _live(stripe_simulator, driver, buyer))
            for seconds in (61, 45 * 60, 360):
                clock.advance(seconds=seconds)
                come(stripe_simulator)
            _converged(stripe_simulator, driver, buyer, f"{number} {points[number]}")
    assert health_check.findings() == []


def _live(simulator: StripeSimulator, driver: Driver, buyer: str) -> None:
    token = driver.order(buyer)
    simulator.pay(payments_of(token)[-1].checkout_id)
    come(simulator)


def _die(fate: Fate, number: int, life: Callable[[], None]) -> None:
    with fate.watching(die_at=number):
        try:
            life()
        except Death:
            db.session.remove()


def _converged(simulator: StripeSimulator, driver: Driver, buyer: str, where: str) -> None:
    """Had and paid for, or neither; nothing kept for nobody; each letter sent, once."""
    for order in all_of(Order, email=buyer):
        had = driver.has(order.token)
        assert kept_of(simulator, order.token) == (PRICE if had else 0), where
        assert order.status == ("paid" if had else "expired"), where
        assert had or not driver.keeps(order.token), where
        mine = all_of(OutgoingEmail, order_id=order.id)
        assert [m.template for m in mine if m.template == driver.letter] == ([driver.letter] if had else []), where
        assert all(m.sent_at for m in mine), where
        assert all(p.status in ("succeeded", "expired", "failed") for p in all_of(Payment, order_id=order.id)), where
        assert len(all_of(OrderItem, order_id=order.id)) == 1, where
