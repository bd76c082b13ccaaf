"""Promotion codes and payments that come late, twice, at once, or whose webhook is lost: one discount, booked once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, Payment, Refund
from app.services import (
    checkout,
    ending,
    reconciling,
    returning,
)
from app.transaction import transaction
from tests.support.booking import (
    at_once,
    balances,
    begin,
    do_not_pause,
    event,
    mails,
    order_of,
    pay_late,
    payments_of,
    receive,
    states,
    work,
)
from tests.support.clock import FakeClock
from tests.support.promotions import LESS, PAID, check_money, make_promotion, pay_with_code, session, type_code
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


@pytest.fixture(autouse=True)
def all_is_well(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    do_not_pause(monkeypatch)
    yield
    with app.app_context():
        check_money()


def test_late_with_a_code_takes_the_place_again_at_what_was_paid(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    make_promotion(stripe_simulator)
    token = begin(session())
    assert type_code(stripe_simulator) == 200
    clock.advance(hours=2)
    ending.end_order(order_of(token).id)
    assert states(token)[0] == "expired"
    pay_late(stripe_simulator, token)
    assert states(token) == PAID and balances() == LESS and order_of(token).total_cents == 960


def test_late_with_a_code_and_the_place_gone_gives_back_what_was_paid(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    make_promotion(stripe_simulator)
    club_session = session(capacity=1)
    token = begin(club_session)
    assert type_code(stripe_simulator) == 200
    clock.advance(hours=2)
    ending.end_order(order_of(token).id)
    begin(club_session)
    pay_late(stripe_simulator, token)
    work()
    stripe_simulator.deliver()
    assert (the(Refund).amount_cents, the(Refund).status, balances()) == (960, "succeeded", {})
    assert mails()[:1] == ["refunded_late"]


def test_second_payment_with_a_code_goes_back_whole_and_the_first_price_stands(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    """The first Checkout is paid in full, a second one of the same order with a code."""
    make_promotion(stripe_simulator)
    token = begin(session())
    first = stripe_simulator.checkout()["id"]
    with transaction() as db:
        db.execute(update(Payment).values(status="expired"))
    checkout.pay(token)
    assert len(payments_of(token)) == 2
    stripe_simulator.pay(first)
    stripe_simulator.deliver()
    assert order_of(token).total_cents == 1200
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    work()
    stripe_simulator.deliver()
    assert (the(Refund).amount_cents, the(Refund).reason, order_of(token).total_cents) == (960, "paid_twice", 1200)
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}


def test_two_payments_that_buy_nothing_each_go_back_as_they_came(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    make_promotion(stripe_simulator)
    club_session = session(capacity=1)
    token = begin(club_session)
    with transaction() as db:
        db.execute(update(Payment).values(status="expired"))
    checkout.pay(token)
    assert type_code(stripe_simulator) == 200
    clock.advance(hours=2)
    ending.end_order(order_of(token).id)
    begin(club_session)
    full, less = [payment.checkout_id or "" for payment in payments_of(token)]
    store = stripe_simulator.simulator.core.store
    for checkout_id in (less, full):
        with store.changes():
            record = store.need("checkout.session", checkout_id)
            record.object["status"] = "open"
            store.save(record)
        stripe_simulator.pay(checkout_id)
        stripe_simulator.deliver()
    work()
    stripe_simulator.deliver()
    assert sorted(refund.amount_cents for refund in all_of(Refund)) == [960, 1200] and balances() == {}


def test_webhook_twice_and_return_page_at_once_book_one_discount(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_promotion(stripe_simulator)
    token = begin(session())
    pay_with_code(stripe_simulator)
    seen = stripe_simulator.checkout()
    hook = event("checkout.session.completed", seen)
    came = at_once(app, lambda: receive(hook), lambda: receive(hook), lambda: returning.confirm(token, seen["id"]))
    assert not [one for one in came if isinstance(one, Exception)]
    stripe_simulator.deliver()
    assert states(token) == PAID and balances() == LESS and mails() == ["confirmation"]
    assert (order_of(token).total_cents, order_of(token).promotion_cents) == (960, 240)
    assert count_of(AuditEntry, action="promotion_used") == 1


@pytest.mark.parametrize("percent", [20, 100])
def test_lost_webhook_is_mended_by_reconciling_and_a_second_run_changes_nothing(
    app: Flask, stripe_simulator: StripeSimulator, percent: int
) -> None:
    make_promotion(stripe_simulator, percent_off=percent)
    token = begin(session())
    pay_with_code(stripe_simulator)
    report = reconciling.reconcile()
    assert states(token) == PAID and report.open_cases == 0 and report.difference_cents == 0
    assert order_of(token).promotion_cents == 12 * percent
    again = reconciling.reconcile()
    assert again.in_order and not any(again.mended.values()) and mails() == ["confirmation"]
