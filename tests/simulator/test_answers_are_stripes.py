"""Every answer and event is held against Stripe's own schema, nullable fields included, so that ours cannot drift.

Run by pytest; skipped, in a sentence, where the schema is not beside the checkout.
"""
from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import requests

from app.simulator import Control
from app.simulator.server import RunningSimulator
from tests.simulator.conftest import KEY, Mailbox


@pytest.fixture
def ask(running: RunningSimulator, browser: requests.Session, stripe_schema: ModuleType) -> Callable[..., Any]:
    """Ask the API without the SDK in between, and hold the answer against the schema."""

    def call(method: str, path: str, data: dict[str, Any] | None = None, status: int = 200, key: str = KEY) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        answer = browser.request(method, running.base_url + path, data=data, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.headers["Request-Id"].startswith("req_")
        problems = stripe_schema.validate_response(method, path, status, answer.json(), full=True)
        assert problems == []
        return answer.json()

    return call


FORM = {
    "mode": "payment",
    "success_url": "https://site.example/ok",
    "line_items[0][price_data][currency]": "nzd",
    "line_items[0][price_data][unit_amount]": "2000",
    "line_items[0][price_data][product_data][name]": "Talk",
    "line_items[0][quantity]": "1",
}


def test_the_checker_itself_refuses_a_session_without_its_null_fields(stripe_schema: ModuleType) -> None:
    assert stripe_schema.validate_response("GET", "/v1/checkout/sessions/cs_1", 200, {"id": "cs_1"}, full=True)


def test_a_session_in_each_of_its_states(ask: Callable[..., Any], control: Control) -> None:
    session = ask("POST", "/v1/checkout/sessions", FORM | {"customer_email": "ana@example.org", "metadata[a]": "b"})
    path = f"/v1/checkout/sessions/{session['id']}"
    assert ask("GET", path)["status"] == "open"
    assert ask("POST", path, {"metadata[c]": "d", "metadata[a]": ""})["metadata"] == {"c": "d"}
    control.pay(session["id"])
    query = "?expand[]=payment_intent.latest_charge.balance_transaction&expand[]=line_items&expand[]=total_details.breakdown"
    shown = ask("GET", path + query)
    assert shown["payment_intent"]["latest_charge"]["balance_transaction"]["net"] == 2000 - 84
    assert shown["line_items"]["data"][0]["description"] == "Talk"
    assert shown["url"] is None
    other = ask("POST", "/v1/checkout/sessions", FORM)
    assert ask("POST", f"/v1/checkout/sessions/{other['id']}/expire")["status"] == "expired"
    ask("GET", f"{path}/line_items")
    listed = ask("GET", "/v1/checkout/sessions?expand[]=data.payment_intent&expand[]=data.line_items")
    assert [s["id"] for s in listed["data"]] == [other["id"], session["id"]]


@pytest.mark.parametrize("card", ["4242424242424242", "4000000000000002", "4000002500003155"])
def test_intents_and_charges_of_every_kind(ask: Callable[..., Any], control: Control, card: str) -> None:
    session = ask("POST", "/v1/checkout/sessions", FORM | {"payment_intent_data[metadata][order]": "K7"})
    control.pay(session["id"], card, authenticate=None)
    [intent] = ask("GET", "/v1/payment_intents?expand[]=data.latest_charge")["data"]
    assert intent["metadata"] == {"order": "K7"}
    ask("GET", f"/v1/payment_intents/{intent['id']}")
    for charge in ask("GET", "/v1/charges")["data"]:
        ask("GET", f"/v1/charges/{charge['id']}?expand[]=refunds&expand[]=payment_intent")


def test_a_transfer_that_is_paid_later(ask: Callable[..., Any], control: Control) -> None:
    session = ask("POST", "/v1/checkout/sessions", FORM)
    control.pay_later(session["id"])
    assert ask("GET", "/v1/payment_intents")["data"][0]["status"] == "processing"
    control.settle(session["id"])
    ask("GET", "/v1/charges?expand[]=data.balance_transaction")


def test_refunds_disputes_and_the_books(ask: Callable[..., Any], control: Control, paid: Callable[..., str]) -> None:
    intent = paid()
    refund = ask("POST", "/v1/refunds", {"payment_intent": intent, "amount": "500", "metadata[refundId]": "7"})
    ask("POST", f"/v1/refunds/{refund['id']}", {"metadata[more]": "x"})
    ask("GET", "/v1/refunds?expand[]=data.charge&expand[]=data.balance_transaction")
    control.fail_refund(refund["id"])
    ask("GET", f"/v1/refunds/{refund['id']}?expand[]=failure_balance_transaction")
    control.refunds_stay_pending()
    pending = ask("POST", "/v1/refunds", {"payment_intent": intent, "amount": "300"})
    assert ask("POST", f"/v1/refunds/{pending['id']}/cancel")["status"] == "canceled"
    dispute = control.dispute(intent)
    control.close_dispute(dispute["id"], "won")
    ask("GET", f"/v1/disputes/{dispute['id']}?expand[]=charge")
    for transaction in control.transactions():
        ask("GET", f"/v1/balance_transactions/{transaction['id']}?expand[]=source")


def test_coupons_codes_and_endpoints(ask: Callable[..., Any]) -> None:
    coupon = ask("POST", "/v1/coupons", {"percent_off": "12.5", "duration": "once"})
    assert ask("GET", f"/v1/coupons/{coupon['id']}")["percent_off"] == 12.5
    form = {"promotion[type]": "coupon", "promotion[coupon]": coupon["id"], "code": "CLUB"}
    code = ask("POST", "/v1/promotion_codes", form)
    ask("GET", f"/v1/promotion_codes/{code['id']}?expand[]=promotion.coupon")
    assert ask("GET", "/v1/promotion_codes?code=club")["data"][0]["id"] == code["id"]
    session = ask("POST", "/v1/checkout/sessions", FORM | {"discounts[0][promotion_code]": code["id"]})
    assert (session["amount_total"], session["total_details"]["amount_discount"]) == (1750, 250)
    ask("GET", f"/v1/checkout/sessions/{session['id']}?expand[]=total_details.breakdown")
    assert ask("DELETE", f"/v1/coupons/{coupon['id']}")["deleted"] is True
    ask("GET", f"/v1/coupons/{coupon['id']}", status=404)
    ask("POST", "/v1/webhook_endpoints", {"url": "https://site.example/hook", "enabled_events[0]": "*"})
    assert len(ask("GET", "/v1/webhook_endpoints")["data"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("POST", "/v1/checkout/sessions", {}, 400),
        ("GET", "/v1/checkout/sessions/cs_none", None, 404),
        ("POST", "/v1/checkout/sessions/cs_none/expire", None, 404),
        ("GET", "/v1/payment_intents/pi_none", None, 404),
        ("POST", "/v1/refunds", {"payment_intent": "pi_none"}, 400),
        ("GET", "/v1/refunds?starting_after=re_none", None, 400),
        ("GET", "/v1/events/evt_none", None, 404),
    ],
)
def test_refusals_have_stripes_shape(
    ask: Callable[..., Any], method: str, path: str, data: dict[str, Any] | None, status: int
) -> None:
    assert ask(method, path, data, status)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", ["500", "429", "401", "409"])
def test_planned_errors_have_stripes_shape(ask: Callable[..., Any], control: Control, kind: Any) -> None:
    control.fail("checkout.list", kind)
    ask("GET", "/v1/checkout/sessions", status=int(kind))
    ask("GET", "/v1/checkout/sessions")


def test_every_event_is_one_of_stripes(
    stripe_schema: ModuleType, control: Control, mailbox: Mailbox, paid: Callable[..., str], new_session: Callable[..., Any]
) -> None:
    intent = paid("4000000000000259")
    control.close_dispute(control.disputes()[0]["id"], "won")
    control.refund(intent, 100)
    control.fail_refund(control.refunds()[0]["id"])
    control.pay(new_session().id, "4000000000000002")
    control.pay(new_session().id, "4000002500003155", authenticate=False)
    later = [new_session().id, new_session().id]
    for i, session in enumerate(later):
        control.pay_later(session)
        control.settle(session, success=i == 0)
    control.refunds_stay_pending()
    control.settle_refund(control.refund(later[0])["id"])
    control.expire(new_session().id)
    control.deliver_due()
    assert {
        "checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed", "payment_intent.created", "payment_intent.succeeded",
        "payment_intent.payment_failed", "charge.succeeded", "charge.refunded", "refund.created", "refund.updated",
        "refund.failed", "charge.dispute.created", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    } <= set(mailbox.types())  # fmt: skip
    for i in range(len(mailbox.got)):
        assert stripe_schema.validate_event(mailbox.event(i), full=True) == [], mailbox.event(i)["type"]


def test_events_can_be_listed_and_fetched(ask: Callable[..., Any], control: Control, paid: Callable[..., str]) -> None:
    paid()
    listed = ask("GET", "/v1/events?types[0]=checkout.session.completed&types[1]=charge.*&delivery_success=false")["data"]
    assert [e["type"] for e in listed] == ["checkout.session.completed", "charge.succeeded"]
    ask("GET", f"/v1/events/{listed[0]['id']}")
    control.deliver_due()
    assert ask("GET", "/v1/events?delivery_success=false")["data"] == []
    older = ask("GET", f"/v1/events?delivery_success=true&ending_before={listed[1]['id']}")["data"]
    assert [e["type"] for e in older] == ["checkout.session.completed", "payment_intent.succeeded"]
