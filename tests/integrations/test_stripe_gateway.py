"""The gateway over the real SDK and HTTP: Stripe's answers in our words, its failures as refused, busy or unknown.

What a failure means decides whether a call is repeated, so each kind is held to the three exceptions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe
from flask import Flask

from app.integrations import gateway
from app.integrations.payments import (
    CheckoutLine,
    CheckoutRequest,
    CheckoutStatus,
    GatewayBusy,
    GatewayMissing,
    GatewayRefused,
    GatewayUnknown,
)
from app.integrations.stripe_gateway import TIMEOUT_SECONDS, StripeGateway, checkout_from, refund_from
from app.transaction import TransactionMisuse, transaction
from tests.support.booking import do_not_pause, event
from tests.support.clock import FakeClock

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


@pytest.fixture
def params(app: Flask, clock: FakeClock, stripe_simulator: Any) -> dict[str, Any]:
    return gateway().checkout_params(
        CheckoutRequest(
            order_reference="K7M4QX",
            currency="NZD",
            lines=[CheckoutLine("Badminton", 1200, 2), CheckoutLine("Shuttles", 50, 1)],
            customer_email="ana@example.org",
            success_url="http://muster.test/ok?session_id={CHECKOUT_SESSION_ID}",
            cancel_url="http://muster.test/back",
            expires_at=clock.now + timedelta(minutes=35),
            metadata={"orderId": "K7M4QX"},
        )
    )


def test_checkout_is_told_in_our_words(params: dict[str, Any], stripe_simulator: Any) -> None:
    made = gateway().create_checkout(params, "key-1")
    assert (made.status, made.paid, made.amount_total_cents, made.currency) == (CheckoutStatus.OPEN, False, 2450, "NZD")
    assert (made.order_reference, made.ours, made.live, made.payment_intent_id) == ("K7M4QX", True, False, None)
    assert made.url == stripe_simulator.checkout()["url"]
    assert "{CHECKOUT_SESSION_ID}" in stripe_simulator.checkout()["success_url"]
    stripe_simulator.pay()
    paid = gateway().retrieve_checkout(made.id)
    assert (paid.status, paid.paid, paid.url) == (CheckoutStatus.COMPLETE, True, None)
    assert paid.payment_intent_id == stripe_simulator.control.payments()[0]["id"]


def test_same_key_makes_one_checkout_and_another_call_under_it_is_unknown(params: dict[str, Any], stripe_simulator: Any) -> None:
    assert gateway().create_checkout(params, "key-1") == gateway().create_checkout(params, "key-1")
    with pytest.raises(GatewayUnknown):
        gateway().create_checkout({**params, "client_reference_id": "other"}, "key-1")
    assert len(stripe_simulator.control.sessions()) == 1


def test_expire_then_look(params: dict[str, Any], stripe_simulator: Any) -> None:
    made = gateway().create_checkout(params, "key-1")
    assert gateway().expire_checkout(made.id).status is CheckoutStatus.EXPIRED
    assert gateway().expire_checkout(made.id).status is CheckoutStatus.EXPIRED, "a second time is the same answer"
    paid = gateway().create_checkout(params, "key-2")
    stripe_simulator.pay(paid.id)
    assert gateway().expire_checkout(paid.id).paid, "it is paid, and not cancelled"
    with pytest.raises(GatewayMissing):
        gateway().expire_checkout("cs_test_unknown")


@pytest.mark.parametrize(("kind", "error", "calls"), [
    ("500", GatewayUnknown, 2), ("409", GatewayUnknown, 2), ("refused", GatewayUnknown, 2), ("429", GatewayBusy, 1),
    ("401", GatewayBusy, 1),
])  # fmt: skip
def test_each_failure_says_whether_the_call_may_have_acted(
    params: dict[str, Any], stripe_simulator: Any, kind: str, error: type[Exception], calls: int
) -> None:
    stripe_simulator.control.fail("checkout.create", kind=kind, times=9, stored=False)
    with pytest.raises(error) as failed:
        gateway().create_checkout(params, "key-1")
    assert type(failed.value) is error and stripe_simulator.control.counts()["checkout.create"] == calls
    assert "ana@example.org" not in str(failed.value) and "simulated" not in str(failed.value), "no message of Stripe's"
    assert {call["idempotency_key"] for call in stripe_simulator.control.calls()} == {"key-1"}


def test_what_stripe_refuses_is_refused_and_what_it_does_not_know_is_missing(params: dict[str, Any]) -> None:
    with pytest.raises(GatewayRefused) as refused:
        gateway().create_checkout({**params, "line_items": []}, "key-1")
    assert not isinstance(refused.value, GatewayMissing)
    with pytest.raises(GatewayMissing):
        gateway().retrieve_checkout("cs_test_unknown")
    with pytest.raises(GatewayRefused):
        gateway().create_refund("pi_unknown", 100, "key-2", {})


def test_reads_are_tried_three_times_and_what_a_person_waits_for_twice(params: dict[str, Any], stripe_simulator: Any) -> None:
    made = gateway().create_checkout(params, "key-1")
    stripe_simulator.control.fail("*", kind="500", times=99, stored=False)
    with pytest.raises(GatewayUnknown):
        gateway().retrieve_checkout(made.id)
    with pytest.raises(GatewayUnknown):
        gateway().create_checkout(params, "key-2")
    counts = stripe_simulator.control.counts()
    assert (counts["checkout.retrieve"], counts["checkout.create"]) == (3, 1 + 2)


def test_nobody_waits_80_seconds_and_nothing_is_written_to_the_home_directory(app: Flask, params: dict[str, Any]) -> None:
    assert TIMEOUT_SECONDS == (3, 10) and stripe.enable_telemetry is False
    client = gateway()._client._requestor._client  # type: ignore[attr-defined]
    assert client is not None and client._timeout == TIMEOUT_SECONDS


def test_no_call_is_made_inside_a_transaction(params: dict[str, Any], stripe_simulator: Any) -> None:
    for call in (
        lambda: gateway().create_checkout(params, "key-1"),
        lambda: gateway().retrieve_checkout("cs_test_x"),
        lambda: gateway().expire_checkout("cs_test_x"),
        lambda: gateway().create_refund("pi_x", 1, "key-2", {}),
        lambda: gateway().find_refund("pi_x", "key-2"),
    ):
        with pytest.raises(TransactionMisuse), transaction():
            call()
    assert stripe_simulator.control.counts() == {}


def test_refund_is_told_in_our_words_and_found_by_its_key(params: dict[str, Any], stripe_simulator: Any) -> None:
    made = gateway().create_checkout(params, "key-1")
    stripe_simulator.pay()
    intent = gateway().retrieve_checkout(made.id).payment_intent_id or ""
    assert gateway().find_refund(intent, "refund-1") is None
    refund = gateway().create_refund(intent, 450, "refund-1", {"refundId": "refund-1"})
    assert (refund.amount_cents, refund.currency, refund.status, refund.refund_key) == (450, "NZD", "succeeded", "refund-1")
    assert gateway().create_refund(intent, 450, "refund-1", {"refundId": "refund-1"}) == refund
    assert gateway().find_refund(intent, "refund-1") == refund and gateway().find_refund(intent, "refund-2") is None
    with pytest.raises(GatewayRefused):
        gateway().create_refund(intent, 2001, "refund-3", {})
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 450


def test_event_says_what_it_is_about(params: dict[str, Any], stripe_simulator: Any) -> None:
    made = gateway().create_checkout(params, "key-1")
    stripe_simulator.pay()
    told = gateway().read_event(event("checkout.session.completed", stripe_simulator.checkout()))
    assert told.checkout == gateway().retrieve_checkout(made.id) and told.refund is None and told.object_id == made.id
    refund = gateway().create_refund(told.checkout.payment_intent_id or "", 100, "refund-1", {})
    told = gateway().read_event(event("refund.created", stripe_simulator.control.refunds()[0]))
    assert told.refund == refund and told.checkout is None and told.payment_intent_id == refund.payment_intent_id


@pytest.mark.parametrize("answer", [{}, {"id": "cs_x"}, {"object": "checkout.session", "status": "new"}])
def test_answer_that_is_no_checkout_or_refund_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(GatewayUnknown):
        checkout_from(answer)
    with pytest.raises(GatewayUnknown):
        refund_from(answer)


def test_expanded_and_plain_payment_intents_are_the_same(params: dict[str, Any], stripe_simulator: Any) -> None:
    gateway().create_checkout(params, "key-1")
    stripe_simulator.pay()
    plain = stripe_simulator.checkout()
    expanded = {**plain, "payment_intent": {"id": plain["payment_intent"], "object": "payment_intent"}}
    assert checkout_from(expanded) == checkout_from(plain)


def test_nothing_to_pay_counts_as_paid_and_has_no_payment_intent(params: dict[str, Any], stripe_simulator: Any) -> None:
    gateway().create_checkout(params, "key-1")
    free = {**stripe_simulator.checkout(), "payment_status": "no_payment_required", "amount_total": 0, "status": "complete"}
    told = checkout_from(free)
    assert told.paid and told.amount_total_cents == 0 and told.payment_intent_id is None


def test_live_key_is_known_as_such(app: Flask) -> None:
    settings = app.extensions["muster_settings"].with_(stripe_secret_key="sk_live_x")
    assert settings.live and StripeGateway(settings)._live
