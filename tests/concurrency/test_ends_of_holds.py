"""A hold that ends while it is being paid: the payer has the place or is told that the page is closed, never neither or both.

Promise 10. The twin does not ask Stripe, and frees a place that is then paid for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask

from app.integrations import gateway
from app.integrations.payments import Checkout, CheckoutStatus
from app.integrations.stripe_gateway import StripeGateway
from app.models import ClubSession, Order, Payment, Refund
from app.services import checkout, ending, holds
from tests.concurrency.paying import assert_paid_once, booking, hold, settle, taken
from tests.concurrency.racing import LONGEST, applicant, race, values
from tests.support.clock import FakeClock
from tests.support.rows import all_of, the

ROUNDS = 6


def pay(stripe: Any, checkout_id: str) -> str:
    """The payer presses the button at Stripe; what the page says to them: ``paid``, or ``not_open``."""
    return str(stripe.pay(checkout_id).outcome)


def assert_truthful_end(order: Order, said: str) -> None:
    """Whoever was told that they paid has the place or their money; whoever was told that it is gone has neither."""
    registration = booking(order)
    payment = all_of(Payment, order_id=order.id)[-1]
    mine = all_of(Refund, payment_id=payment.id)
    if registration.status == "registered":
        assert (said, the(Order, id=order.id).status, taken(order), mine) == ("paid", "paid", 1, [])
        return
    assert taken(order) == 0
    assert registration.status in ("expired", "cancelled")
    assert sum(refund.amount_cents for refund in mine) == payment.captured_cents == (1200 if said == "paid" else 0)


def worker_ends(order: Order, clock: FakeClock) -> Callable[[], object]:
    """The time to pay is over."""
    clock.advance(minutes=31)
    return holds.end_due_holds


def person_gives_up(order: Order, _clock: FakeClock) -> Callable[[], object]:
    """In another tab than the one that pays."""
    return lambda: ending.give_up(order.token)


@contextmanager
def at_stripes_door(*, before: Callable[[], object] = lambda: None, after: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Have something happen just before Stripe is told to end a Checkout, or just after it has."""
    original = StripeGateway.expire_checkout

    def expire(self: StripeGateway, checkout_id: str) -> Checkout:
        before()
        answer = original(self, checkout_id)
        after()
        return answer

    with patch.object(StripeGateway, "expire_checkout", expire):
        yield


both_ways = pytest.mark.parametrize("begin_to_end", [worker_ends, person_gives_up])


@both_ways
def test_payment_just_before_stripe_ends_the_checkout_is_kept(
    app: Flask, stripe: Any, clock: FakeClock, begin_to_end: Any
) -> None:
    order = hold()
    end, checkout_id = begin_to_end(order, clock), stripe.checkout()["id"]
    said: list[str] = []
    with at_stripes_door(before=lambda: said.append(pay(stripe, checkout_id))):
        end()
    settle(stripe)
    assert said == ["paid"]
    assert_paid_once(order)


@both_ways
def test_payment_just_after_stripe_ended_the_checkout_is_refused(
    app: Flask, stripe: Any, clock: FakeClock, begin_to_end: Any
) -> None:
    order = hold()
    end, checkout_id = begin_to_end(order, clock), stripe.checkout()["id"]
    said: list[str] = []
    with at_stripes_door(after=lambda: said.append(pay(stripe, checkout_id))):
        end()
    settle(stripe)
    assert said == ["not_open"]
    assert_truthful_end(order, "not_open")


@both_ways
def test_payment_while_the_checkout_is_ended_is_kept_or_refused(
    app: Flask, stripe: Any, clock: FakeClock, begin_to_end: Any
) -> None:
    for _ in range(ROUNDS):
        order = hold()
        end, checkout_id = begin_to_end(order, clock), stripe.checkout()["id"]
        door = threading.Event()

        def pay_at_the_door(checkout_id: str = checkout_id, door: threading.Event = door) -> str:
            door.wait(LONGEST)
            return pay(stripe, checkout_id)

        with at_stripes_door(before=door.set):
            ended, paid, _ = race(app, [end, pay_at_the_door, stripe.deliver])
        settle(stripe)
        assert_truthful_end(order, paid.value)
        assert ended.error is None or ended.refusal is not None


def test_two_workers_end_the_same_hold_once(app: Flask, stripe: Any, clock: FakeClock) -> None:
    for _ in range(ROUNDS):
        order = hold(capacity=2)
        slug = the(ClubSession, id=booking(order).club_session_id).slug
        other = checkout.begin_registration(slug, applicant(slug, 2, expected_price_cents=1200))
        stripe.pay()
        stripe.deliver()
        clock.advance(minutes=31)
        values(race(app, [holds.end_due_holds] * 3 + [holds.settle_unsettled_payments]))
        assert (booking(order).status, taken(order)) == ("expired", 1), "the other place stays taken"
        assert the(Order, token=other.order_token).status == "paid"
        settle(stripe)


def test_place_is_freed_while_it_can_still_be_paid_when_stripe_is_not_asked(app: Flask, stripe: Any, clock: FakeClock) -> None:
    """The twin: the hold ends by our clock alone. Somebody else has the place when the payer, in good faith, pays."""
    order = hold()
    first = stripe.checkout()["id"]
    clock.advance(minutes=31)

    def do_not_ask(attempt: Any) -> Checkout:
        known = gateway().retrieve_checkout(attempt.checkout_id)
        return Checkout(**{**{name: getattr(known, name) for name in known.__slots__}, "status": CheckoutStatus.EXPIRED})

    with patch.object(ending, "_look", do_not_ask):
        holds.end_due_holds()
    assert (booking(order).status, taken(order)) == ("expired", 0)
    slug = the(ClubSession, id=booking(order).club_session_id).slug
    checkout.begin_registration(slug, applicant(slug, 2, expected_price_cents=1200))
    assert pay(stripe, first) == "paid", "the page was still open"
    stripe.deliver()
    assert booking(order).status == "expired"
    assert the(Refund).amount_cents == 1200
