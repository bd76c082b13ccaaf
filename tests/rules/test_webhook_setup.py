"""What is right and wrong about Stripe's webhook endpoints: what loses or delays news is found, the rest is only noted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stripe

from app.rules.redaction import HIDDEN, without_secrets
from app.rules.self_check import Finding
from app.rules.webhook_setup import API_VERSION, RECORDED, WebhookEndpoint, judge
from app.services.stripe_inbox import HANDLED

SITE = "https://club.example"
GOOD = WebhookEndpoint("we_1", f"{SITE}/webhooks/stripe", True, (*HANDLED, *RECORDED), API_VERSION)


def said(*endpoints: WebhookEndpoint, site: str = SITE) -> tuple[str, str]:
    verdict = judge(endpoints, site, HANDLED)
    return " ".join(verdict.findings), " ".join(verdict.notes)


def test_what_the_readme_says_to_set_up_is_in_order() -> None:
    assert said(GOOD) == ("", "")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert all(f"`{event}`" in readme for event in GOOD.events) and f"`{API_VERSION}`" in readme
    assert stripe.api_version == API_VERSION, "the library speaks the version that events must come in"


@pytest.mark.parametrize(
    ("change", "found", "noted"),
    [
        ({"events": ("checkout.session.completed",)}, "does not send: checkout.session.async_payment_succeeded", ""),
        ({"events": HANDLED}, "", ""),
        ({"events": (*HANDLED, "invoice.paid")}, "", "does not use: invoice.paid"),
        ({"events": ("*",)}, "", "every kind of event"),
        ({"enabled": False}, "is disabled", ""),
        ({"api_version": "2020-08-27"}, "API version 2020-08-27", ""),
        ({"api_version": None}, "", "account's default"),
        ({"url": "https://club.example/webhooks/stripe/"}, "", ""),
        ({"url": "HTTPS://Club.Example/webhooks/stripe"}, "", ""),
        ({"url": "https://old.example/webhooks/stripe"}, "no webhook endpoint for https://club.example/webhooks/stripe",
         "has one for https://old.example/webhooks/stripe"),
    ],
)  # fmt: skip
def test_each_thing_that_can_be_wrong_is_said(change: dict[str, Any], found: str, noted: str) -> None:
    findings, notes = said(replace(GOOD, **change))
    assert found in findings and bool(found) == bool(findings)
    assert noted in notes and bool(noted) == bool(notes)


def test_two_endpoints_share_the_events_and_a_disabled_one_is_passed_over() -> None:
    half = len(HANDLED) // 2
    one, two = replace(GOOD, events=HANDLED[:half]), replace(GOOD, id="we_2", events=HANDLED[half:])
    findings, notes = said(one, two)
    assert not findings and "2 endpoints" in notes
    assert "does not send" in said(one, replace(two, enabled=False))[0]


def test_a_machine_that_stripe_cannot_reach_is_told_how_to_forward() -> None:
    findings, notes = said(site="http://127.0.0.1:5000")
    assert not findings and "Stripe's CLI" in notes


def test_a_finding_is_a_sentence_that_can_be_said_in_another_language() -> None:
    finding = Finding("%(number)s orders are 100%% wrong.", number=3)
    assert finding == "3 orders are 100% wrong." and (finding.text, finding.params["number"]) == (
        "%(number)s orders are 100%% wrong.", 3)  # fmt: skip
    assert Finding("All 100% fine") == "All 100% fine"


def test_what_opens_or_pays_something_is_hidden_and_the_rest_is_not() -> None:
    sent = {
        "id": "evt_1", "data": {"object": {
            "client_secret": "pi_1_secret_x", "url": "https://checkout.example/c/pay", "success_url": "https://x.example/orders/t",
            "customer_email": "aroha@club.example", "payment_intent": None,
            "lines": [{"receipt_url": "https://x", "amount": 1200}],
        }},
    }  # fmt: skip
    shown = without_secrets(sent)
    thing = shown["data"]["object"]
    assert {thing["client_secret"], thing["url"], thing["success_url"], thing["lines"][0]["receipt_url"]} == {HIDDEN}
    assert (thing["customer_email"], thing["payment_intent"], thing["lines"][0]["amount"]) == ("aroha@club.example", None, 1200)
    assert "secret_x" in str(sent), "what is kept is not touched"
