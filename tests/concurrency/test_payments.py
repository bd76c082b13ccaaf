"""Payers, webhooks, return pages, workers and second thoughts at the same moment: one end, and the books agree with Stripe.

Promises 2, 3, 6 and 10. The twins take the lock, or the question to Stripe, away: a payment is acted on twice, a place lost.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask

from app import jobs
from app.integrations import gateway
from app.integrations.payments import Checkout, CheckoutStatus
from app.models import ClubSession, LedgerEntry, Order, OutgoingEmail, Payment, Refund, Registration
from app.services import cancelling, checkout, ending, fulfilment, holds, refunds, returning
from app.services.ledger import CLEARING
from app.simulator.control import ControlError
from tests.concurrency import guards
from tests.concurrency.racing import Meeting, all_is_well, applicant, race, values
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

ROUNDS = 6


@pytest.fixture
def stripe(stripe_simulator: Any) -> Any:
    return stripe_simulator


def hold(**session: Any) -> Order:
    """Somebody holds the only place of a session and is at Stripe's page."""
    made = make_club_session(**{"capacity": 1, **session})
    person = applicant(made.slug, 1, expected_price_cents=1200)
    return the(Order, token=checkout.begin_registration(made.slug, person).order_token)


def booking(order: Order) -> Registration:
    return the(Registration, order_id=order.id)


def taken(order: Order) -> int:
    return the(ClubSession, id=booking(order).club_session_id).places_taken


def settle(stripe: Any) -> None:
    """Let everything that is owed happen."""
    stripe.deliver()
    jobs.run_due()
    stripe.deliver()
    all_is_well()
    ours = sum(clearing(entry) for entry in all_of(LedgerEntry))
    charged = sum(charge["amount"] for charge in stripe.control.charges() if charge["paid"])
    assert ours == charged - sum(refund["amount"] for refund in stripe.control.refunds()), "the books equal Stripe's"


def clearing(entry: LedgerEntry) -> int:
    """What this entry says that Stripe holds for us more, in cents."""
    return entry.amount_cents * ((entry.debit_account == CLEARING) - (entry.credit_account == CLEARING))


def assert_paid_once(order: Order) -> None:
    assert the(Order, id=order.id).status == "paid"
    assert (booking(order).status, booking(order).payment_status, taken(order)) == ("registered", "paid", 1)
    assert the(Payment, order_id=order.id).status == "succeeded"
    assert [mail.template for mail in all_of(OutgoingEmail, order_id=order.id)] == ["confirmation"]
    assert count_of(Refund) == 0


def test_webhook_and_return_page_at_once_confirm_once(app: Flask, stripe: Any) -> None:
    for _ in range(ROUNDS):
        order = hold()
        stripe.pay()
        checkout_id = stripe.checkout()["id"]
        comes_back = lambda token=order.token, id=checkout_id: returning.confirm(token, id)  # noqa: E731
        values(race(app, [comes_back, stripe.deliver, comes_back, lambda id=order.id: worker_looks(id)]))
        assert_paid_once(order)
        settle(stripe)
        assert_paid_once(order)
    assert {status for _, status in stripe.answers} == {200}


def worker_looks(order_id: int) -> None:
    ending.settle_payment(the(Payment, order_id=order_id).id)


def test_same_event_delivered_many_times_at_once_acts_once(app: Flask, stripe: Any) -> None:
    for _ in range(ROUNDS):
        order = hold()
        stripe.control.hold()
        stripe.pay()
        [completed] = [event for event in stripe.control.events() if event["type"] == "checkout.session.completed"][-1:]
        for _ in range(3):
            stripe.control.repeat(completed["id"])
        stripe.control.repeat(completed["id"], new_id_too=True)
        stripe.control.release()
        stripe.control.webhooks_normal()
        values(race(app, [stripe.control.deliver_due for _ in range(4)]))
        settle(stripe)
        assert_paid_once(order)
    assert {status for _, status in stripe.answers} == {200}


def test_payment_is_acted_on_twice_when_nothing_is_locked(app: Flask, stripe: Any) -> None:
    """The twin: both have read the payment as unpaid before either writes; the second gives the money of the first back."""
    order = hold()
    stripe.pay()
    checkout_id = stripe.checkout()["id"]
    meeting, capture = Meeting(2), fulfilment._capture

    def look_first(*args: Any) -> fulfilment.Applied:
        meeting.wait()
        return capture(*args)

    with guards.without_row_locks(), patch.object(fulfilment, "_capture", look_first):
        race(app, [lambda: returning.confirm(order.token, checkout_id)] * 2)
    booked = [entry.amount_cents for entry in all_of(LedgerEntry) if entry.debit_account == CLEARING]
    assert booked == [1200, 1200], "what was captured once is in the books twice"
    assert (booking(order).status, the(Refund).amount_cents) == ("registered", 1200), "a place kept, and its money given back"


# --- the end of a hold --------------------------------------------------------------------------------------------------------


def pay(stripe: Any, checkout_id: str) -> str:
    """The payer presses the button at Stripe; what the page says to them."""
    try:
        return str(stripe.pay(checkout_id).outcome)
    except ControlError:
        return "gone"


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


def test_worker_ends_a_hold_while_the_payer_pays(app: Flask, stripe: Any, clock: FakeClock) -> None:
    for _ in range(ROUNDS):
        order = hold()
        clock.advance(minutes=31)
        checkout_id = stripe.checkout()["id"]
        _, said = race(app, [holds.end_due_holds, lambda id=checkout_id: pay(stripe, id)])
        settle(stripe)
        assert_truthful_end(order, said.value)
        assert (said.value == "paid") == (booking(order).status == "registered"), "one or the other, and no refund between"


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


def test_giving_up_while_paying_ends_in_a_place_or_in_nothing(app: Flask, stripe: Any) -> None:
    for _ in range(ROUNDS):
        order = hold()
        gives_up = lambda token=order.token: ending.give_up(token)  # noqa: E731
        open_page = stripe.checkout()["id"]
        pays = lambda id=open_page: pay(stripe, id)  # noqa: E731
        outcomes = race(app, [gives_up, pays, stripe.deliver])
        settle(stripe)
        assert_truthful_end(order, outcomes[1].value)
        values([outcomes[1], outcomes[2]])
        assert outcomes[0].error is None or outcomes[0].refusal is not None


# --- refunds ------------------------------------------------------------------------------------------------------------------


def owed_refund(stripe: Any) -> Order:
    """Somebody has paid and cancelled in time."""
    order = hold()
    stripe.pay()
    stripe.deliver()
    cancelling.cancel_order(order.token)
    return order


def refund_calls(stripe: Any) -> int:
    return int(stripe.control.counts()["refund.create"])


def test_several_workers_send_one_refund_once(app: Flask, stripe: Any) -> None:
    for number in range(1, ROUNDS + 1):
        order = owed_refund(stripe)
        values(race(app, [refunds.send_due_refunds] * 4))
        assert (refund_calls(stripe), len(stripe.control.refunds())) == (number, number)
        settle(stripe)
        assert booking(order).payment_status == "refunded"


def test_refund_is_sent_twice_when_it_is_claimed_by_looking(app: Flask, stripe: Any) -> None:
    """The twin: both workers see the refund as due before either says that it has it."""
    owed_refund(stripe)
    meeting = Meeting(2)

    def look(refund_id: int) -> Any:
        refund = the(Refund, id=refund_id)
        assert refund.status == "requested"
        meeting.wait()
        payment = the(Payment, id=refund.payment_id)
        return payment.payment_intent_id, refund.amount_cents, refund.idempotency_key, refund.created_at

    with patch.object(refunds, "_claim", look):
        values(race(app, [refunds.send_due_refunds] * 2))
    assert refund_calls(stripe) == 2
    assert len(stripe.control.refunds()) == 1, "the stored key is the second line: Stripe makes one refund of both calls"
