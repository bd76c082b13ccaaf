"""Webhooks, return pages and workers about one payment at the same moment: it is acted on once, and the books agree with Stripe.

Promises 2, 3, 4 and 6. The twins take the lock or the claim away: a payment is acted on twice, a refund sent twice.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from flask import Flask

from app.models import LedgerEntry, Order, Payment, Refund
from app.services import cancelling, ending, fulfilment, refunds, returning
from app.services.ledger import CLEARING
from tests.concurrency import guards
from tests.concurrency.paying import assert_paid_once, booking, hold, settle
from tests.concurrency.racing import Meeting, race, values
from tests.support.rows import all_of, the

ROUNDS = 6


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
    assert the(Refund).amount_cents == 1200, "and given back to somebody who paid once and asked for nothing"


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
