"""Creating, listing and expiring Checkout Sessions through the real SDK, up to each of Stripe's bounds and past it.

Run by pytest.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from app.simulator import Control
from app.simulator.server import RunningSimulator
from tests.simulator.conftest import NOON

Order = Callable[..., dict[str, Any]]


def refusal(client: stripe.StripeClient, params: dict[str, Any]) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]
    assert caught.value.http_status == 400
    return caught.value


def test_a_session_says_what_was_ordered(client: stripe.StripeClient, order: Order, running: RunningSimulator) -> None:
    session = client.v1.checkout.sessions.create(order(client_reference_id="K7M4QX", metadata={"registrationId": "1"}))
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 2500)
    assert session.url == f"{running.base_url}/c/pay/{session.id}"
    assert session.expires_at == NOON + 24 * 3600
    assert session.payment_intent is None
    assert session.metadata is not None and session.metadata["registrationId"] == "1"
    assert session.payment_method_types == ["card", "customer_balance"]


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"surprise": "x"}, "parameter_unknown", "surprise"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"ui_mode": "embedded_page"}, "simulator_unsupported", "ui_mode=embedded_page"),
        ({"mode": "subscription"}, "simulator_unsupported", "mode=subscription"),
        ({"success_url": "/relative"}, "url_invalid", "success_url"),
        ({"cancel_url": "javascript:alert(1)"}, "url_invalid", "cancel_url"),
        ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata"),
        ({"metadata": {str(i): "v" for i in range(51)}}, None, "metadata"),
        ({"expires_at": NOON + 1799}, None, "expires_at"),
        ({"expires_at": NOON + 86401}, None, "expires_at"),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"currency": "nzdd"}, None, "line_items[0][price_data][currency]"),
        ({"unit_amount": 24, "quantity": 2}, "amount_too_small", None),
        ({"unit_amount": -1}, "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
        ({"unit_amount": 12345, "currency": "kwd"}, None, "line_items[0][price_data][unit_amount]"),
        ({"unit_amount": 12345, "currency": "isk"}, "invalid_charge_amount_no_decimal_compatible",
         "line_items[0][price_data][unit_amount]"),
        ({"quantity": 0}, "parameter_invalid_integer", "line_items[0][quantity]"),
        ({"allow_promotion_codes": True, "discounts": [{"coupon": "c"}]}, None, None),
        ({"discounts": [{"coupon": "none"}]}, "resource_missing", "discounts[0][coupon]"),
        ({"allowed_payment_method_types": ["sepa_debit"]}, None, "allowed_payment_method_types"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"allow_promotion_codes": "maybe"}, None, "allow_promotion_codes"),
        ({"submit_type": "grab"}, None, "submit_type"),
    ],
)  # fmt: skip
def test_what_stripe_refuses_is_refused(
    client: stripe.StripeClient, order: Order, control: Control, changes: dict[str, Any], code: str | None, param: str | None
) -> None:
    error = refusal(client, order(**changes))
    assert (error.code, error.param) == (code, param)
    assert control.sessions() == []


@pytest.mark.parametrize("gone", ["success_url", "mode", "line_items"])
def test_what_stripe_insists_on_is_missed(client: stripe.StripeClient, order: Order, gone: str) -> None:
    params = order()
    del params[gone]
    error = refusal(client, params)
    assert (error.code, error.param) == ("parameter_missing", gone)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOON + 1800},
        {"expires_at": NOON + 86400},
        {"client_reference_id": "x" * 200},
        {"metadata": {str(i): "v" * 500 for i in range(50)}},
        {"unit_amount": 25, "quantity": 2},
        {"unit_amount": 0, "quantity": 1},
        {"unit_amount": 50, "quantity": 1, "currency": "JPY"},
    ],
)
def test_at_the_bound_is_allowed(client: stripe.StripeClient, order: Order, changes: dict[str, Any]) -> None:
    assert client.v1.checkout.sessions.create(order(**changes)).status == "open"


def test_a_hundred_lines_and_no_more_in_one_currency(client: stripe.StripeClient, order: Order) -> None:
    line = order()["line_items"][0]
    session = client.v1.checkout.sessions.create(order(line_items=[line] * 100))
    assert session.amount_total == 250_000
    assert "100 line items" in str(refusal(client, order(line_items=[line] * 101)))
    other = order(currency="eur")["line_items"][0]
    assert "same currency" in str(refusal(client, order(line_items=[line, other])))
    listed = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 60})
    assert len(listed.data) == 60 and listed.has_more
    assert len(list(listed.auto_paging_iter())) == 100


def test_only_an_open_session_can_be_expired(client: stripe.StripeClient, control: Control, order: Order) -> None:
    session = client.v1.checkout.sessions.create(order())
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    paid = client.v1.checkout.sessions.create(order())
    control.pay(paid.id)
    for id_, status in ((session.id, "expired"), (paid.id, "complete")):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.checkout.sessions.expire(id_)
        assert caught.value.user_message == (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{status}`."
        )
    assert control.counts()["checkout.expire"] == 3


def test_lists_filter_and_page(client: stripe.StripeClient, control: Control, order: Order) -> None:
    sessions = client.v1.checkout.sessions
    made = []
    for i in range(5):
        made.append(sessions.create(order(customer_email=f"p{i}@example.org")).id)
        control.advance(10)
    control.pay(made[2])
    first = sessions.list({"limit": 2})
    assert [s.id for s in first.data] == [made[4], made[3]] and first.has_more
    assert [s.id for s in first.auto_paging_iter()] == made[::-1]
    before = sessions.list({"limit": 1, "ending_before": made[1]})
    assert [s.id for s in before.data] == [made[2]] and before.has_more
    assert [s.id for s in sessions.list({"status": "complete"}).data] == [made[2]]
    assert [s.id for s in sessions.list({"customer_details": {"email": "P1@example.org"}}).data] == [made[1]]
    assert [s.id for s in sessions.list({"created": {"gte": NOON + 10, "lt": NOON + 30}}).data] == [made[2], made[1]]
    intent = sessions.retrieve(made[2]).payment_intent
    assert isinstance(intent, str)
    assert [s.id for s in sessions.list({"payment_intent": intent}).data] == [made[2]]
    assert sessions.list({"customer": "cus_1"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        sessions.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        sessions.retrieve(made[2], {"expand": ["metadata"]})


@pytest.mark.parametrize("key", ["sk_live_1234567890", "rk_live_1234567890", "pk_test_123", "nonsense"])
def test_only_test_keys_open_the_api(connect: Callable[..., stripe.StripeClient], running: RunningSimulator, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided") as caught:
        connect(running.base_url, key=key).v1.checkout.sessions.list()
    assert "1234567890" not in str(caught.value)
    assert connect(running.base_url, key="rk_test_1").v1.checkout.sessions.list().data == []


def test_only_the_configured_key_opens_the_api(
    start: Callable[..., RunningSimulator], connect: Callable[..., stripe.StripeClient]
) -> None:
    base_url = start(api_keys=("sk_test_mine",)).base_url
    assert connect(base_url, key="sk_test_mine").v1.checkout.sessions.list().data == []
    with pytest.raises(stripe.AuthenticationError):
        connect(base_url, key="sk_test_other").v1.checkout.sessions.list()


def test_an_unknown_address_is_stripes_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as caught:
        client.raw_request("get", "/v1/nothing")
    assert caught.value.http_status == 404
