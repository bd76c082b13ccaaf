"""The table of Stripe's idempotency: what is replayed, what acts again, what is refused.

Run by pytest.
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from app.simulator import Control
from app.simulator.server import RunningSimulator

Order = Callable[..., dict[str, Any]]
SAME: Any = {"idempotency_key": "attempt-1"}


def replayed(answer: Any) -> bool:
    return answer.last_response.headers.get("Idempotent-Replayed") == "true"


def test_the_same_key_and_parameters_act_once(client: stripe.StripeClient, order: Order, control: Control) -> None:
    first = client.v1.checkout.sessions.create(order(), SAME)
    again = client.v1.checkout.sessions.create(order(), SAME)
    assert again.id == first.id and replayed(again) and not replayed(first)
    assert again.last_response.request_id != first.last_response.request_id
    assert len(control.sessions()) == 1


def test_a_replay_is_the_first_answer_even_when_the_object_has_moved_on(
    client: stripe.StripeClient, order: Order, control: Control
) -> None:
    first = client.v1.checkout.sessions.create(order(), SAME)
    control.pay(first.id)
    assert client.v1.checkout.sessions.create(order(), SAME).status == "open"
    assert client.v1.checkout.sessions.retrieve(first.id).status == "complete"


def test_the_same_key_with_other_parameters_is_refused(client: stripe.StripeClient, order: Order, control: Control) -> None:
    session = client.v1.checkout.sessions.create(order(), SAME)
    with pytest.raises(stripe.IdempotencyError, match="same parameters they were first used with"):
        client.v1.checkout.sessions.create(order(quantity=3), SAME)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.expire(session.id, {}, SAME)
    assert len(control.sessions()) == 1


def test_after_a_day_the_key_acts_again(client: stripe.StripeClient, order: Order, control: Control) -> None:
    first = client.v1.checkout.sessions.create(order(), SAME)
    control.advance(24 * 3600 - 1)
    assert client.v1.checkout.sessions.create(order(), SAME).id == first.id
    control.advance(1)
    assert client.v1.checkout.sessions.create(order(), SAME).id != first.id


def test_a_key_in_flight_is_a_409(
    connect: Callable[..., stripe.StripeClient], running: RunningSimulator, order: Order, control: Control
) -> None:
    control.fail("checkout.create", "slow", seconds=0.6)
    first = threading.Thread(target=lambda: connect(running.base_url).v1.checkout.sessions.create(order(), SAME))
    first.start()
    while control.faults():  # the slow call has taken its fault, so it owns the key from here on
        time.sleep(0.01)
    time.sleep(0.05)
    with pytest.raises(stripe.APIError) as caught:
        connect(running.base_url).v1.checkout.sessions.create(order(), SAME)
    assert caught.value.http_status == 409
    assert caught.value.error is not None and caught.value.error.code == "idempotency_key_in_use"
    patient = connect(running.base_url, retries=3).v1.checkout.sessions.create(order(), SAME)
    first.join()
    assert [s["id"] for s in control.sessions()] == [patient.id]


def test_a_refused_parameter_does_not_use_up_the_key(client: stripe.StripeClient, order: Order) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(order(success_url="nowhere"), SAME)
    assert not replayed(client.v1.checkout.sessions.create(order(), SAME))


@pytest.mark.parametrize("kind", ["401", "429", "409", "500", "refused"])
def test_what_failed_before_acting_does_not_use_up_the_key(
    client: stripe.StripeClient, order: Order, control: Control, kind: Any
) -> None:
    control.fail("checkout.create", kind)
    with pytest.raises(stripe.StripeError):
        client.v1.checkout.sessions.create(order(), SAME)
    assert control.sessions() == []
    assert not replayed(client.v1.checkout.sessions.create(order(), SAME))


def test_a_refusal_during_execution_is_replayed(client: stripe.StripeClient, control: Control, paid: Callable[..., str]) -> None:
    intent = paid()
    for expected in (None, "true"):
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount") as caught:
            client.v1.refunds.create({"payment_intent": intent, "amount": 9999}, SAME)
        assert caught.value.headers is not None and caught.value.headers.get("Idempotent-Replayed") == expected


def test_a_500_after_acting_is_what_the_key_remembers(client: stripe.StripeClient, order: Order, control: Control) -> None:
    control.fail("checkout.create", "500", when="after")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            client.v1.checkout.sessions.create(order(), SAME)
        assert caught.value.http_status == 500
    assert len(control.sessions()) == 1


def test_a_500_that_stands_for_a_lost_answer_hides_the_real_one(
    client: stripe.StripeClient, order: Order, control: Control
) -> None:
    control.fail("checkout.create", "500", when="after", stored=False)
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.create(order(), SAME)
    found = client.v1.checkout.sessions.create(order(), SAME)
    assert replayed(found) and [s["id"] for s in control.sessions()] == [found.id]


def test_keys_longer_than_255_characters_are_refused(client: stripe.StripeClient, order: Order) -> None:
    with pytest.raises(stripe.IdempotencyError, match="255"):
        client.v1.checkout.sessions.create(order(), {"idempotency_key": "k" * 256})
    assert client.v1.checkout.sessions.create(order(), {"idempotency_key": "k" * 255}).status == "open"
