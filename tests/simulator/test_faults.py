"""API calls that go wrong on purpose, before or after they acted, as the real SDK meets them.

Run by pytest.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from werkzeug.test import Client

from app.simulator import Control, ControlError, NoAnswer, Settings, create_simulator
from app.simulator.server import RunningSimulator

Order = Callable[..., dict[str, Any]]
SAME: Any = {"idempotency_key": "attempt-1"}
ERRORS: dict[str, type[stripe.StripeError]] = {
    "500": stripe.APIError,
    "429": stripe.RateLimitError,
    "401": stripe.AuthenticationError,
    "409": stripe.APIError,
    "refused": stripe.APIConnectionError,
    "timeout": stripe.APIConnectionError,
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", list(ERRORS))
def test_a_fault_reaches_the_sdk_as_its_own_error_before_or_after_acting(
    client: stripe.StripeClient, order: Order, control: Control, kind: Any, when: Any
) -> None:
    control.fail("checkout.create", kind, when=when, seconds=0.05)
    with pytest.raises(ERRORS[kind]):
        client.v1.checkout.sessions.create(order())
    assert len(control.sessions()) == (1 if when == "after" else 0)
    assert client.v1.checkout.sessions.create(order()).status == "open"


@pytest.mark.parametrize("kind", ["401", "409", "429", "refused", "timeout"])
def test_a_lost_answer_is_found_again_with_the_same_key(
    client: stripe.StripeClient, order: Order, control: Control, kind: Any
) -> None:
    control.fail("checkout.create", kind, when="after", seconds=0.05)
    with pytest.raises(stripe.StripeError):
        client.v1.checkout.sessions.create(order(), SAME)
    found = client.v1.checkout.sessions.create(order(), SAME)
    assert [s["id"] for s in control.sessions()] == [found.id]
    assert found.last_response is not None and found.last_response.headers["Idempotent-Replayed"] == "true"


def test_a_refund_whose_answer_is_lost_happens_once(
    client: stripe.StripeClient, control: Control, paid: Callable[..., str]
) -> None:
    intent = paid()
    control.fail("refund.create", "refused", when="after")
    with pytest.raises(stripe.APIConnectionError):
        client.v1.refunds.create({"payment_intent": intent, "amount": 100}, SAME)
    client.v1.refunds.create({"payment_intent": intent, "amount": 100}, SAME)
    assert [r["amount"] for r in control.refunds()] == [100]


@pytest.mark.parametrize(("kind", "times"), [("500", 2), ("refused", 2), ("409", 1)])
def test_the_sdks_own_retries_get_through(
    connect: Callable[..., stripe.StripeClient], running: RunningSimulator, order: Order, kind: Any, times: int
) -> None:
    running.control.fail("checkout.create", kind, times=times, when="after", stored=False)
    session = connect(running.base_url, retries=times).v1.checkout.sessions.create(order())
    assert [s["id"] for s in running.control.sessions()] == [session.id]
    calls = running.control.calls()
    assert len(calls) == times + 1 and len({c["idempotency_key"] for c in calls}) == 1
    assert calls[-1]["status"] == 200 and calls[0]["status"] == (0 if kind == "refused" else int(kind))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_slow_answer_times_out_at_the_client_and_still_acts(
    connect: Callable[..., stripe.StripeClient], running: RunningSimulator, order: Order, when: Any
) -> None:
    running.control.fail("checkout.create", "slow", seconds=0.5, when=when)
    with pytest.raises(stripe.APIConnectionError):
        connect(running.base_url, timeout=0.1).v1.checkout.sessions.create(order(), SAME)
    assert len(running.control.sessions()) == (1 if when == "after" else 0)
    found = connect(running.base_url, retries=3).v1.checkout.sessions.create(order(), SAME)
    assert [s["id"] for s in running.control.sessions()] == [found.id]


def test_faults_count_and_name_their_operation(client: stripe.StripeClient, control: Control, order: Order) -> None:
    control.fail("checkout.*", "429", times=2)
    control.fail("*", "401")
    session = None
    for expected in (stripe.RateLimitError, stripe.RateLimitError, stripe.AuthenticationError):
        with pytest.raises(expected):
            session = client.v1.checkout.sessions.create(order())
    session = client.v1.checkout.sessions.create(order())
    control.fail("checkout.expire", "500")
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.expire(session.id)
    control.fail("checkout.expire", "500")
    control.clear_faults()
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    assert control.counts() == {"checkout.create": 4, "checkout.retrieve": 1, "checkout.expire": 2}


def test_a_fault_that_does_not_exist_is_refused(control: Control) -> None:
    for wrong in ({"kind": "418"}, {"when": "never"}, {"times": 0}, {"seconds": -1}):
        with pytest.raises(ControlError):
            control.fail(**wrong)  # type: ignore[arg-type]
    assert control.faults() == []


def test_latency_slows_every_answer(client: stripe.StripeClient, control: Control) -> None:
    control.latency(0.2)
    began = time.monotonic()
    client.v1.refunds.list()
    assert time.monotonic() - began >= 0.2
    control.reset()
    began = time.monotonic()
    client.v1.refunds.list()
    assert time.monotonic() - began < 0.2


def test_without_a_server_a_missing_answer_is_an_exception() -> None:
    simulator = create_simulator(Settings(environment={}))
    simulator.control.fail("checkout.list", "refused")
    headers = {"Authorization": "Bearer sk_test_1"}
    with pytest.raises(NoAnswer):
        Client(simulator.wsgi).get("/v1/checkout/sessions", headers=headers)
    assert Client(simulator.wsgi).get("/v1/checkout/sessions", headers=headers).status_code == 200
    simulator.close()
