"""The self-check as a page: what doctor finds, settings without secrets, and what Stripe says of its webhook when asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, ClubSession
from app.rules.statuses import Role
from app.rules.webhook_setup import RECORDED
from app.services import health_check
from app.services.stripe_inbox import HANDLED
from app.transaction import transaction
from tests.support.booking import do_not_pause
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.settings import SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET
from tests.web.desk import sign_in


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient, monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)
    sign_in(pages, Role.ADMIN)


def listen_to(simulator: Any, *events: str, **changes: Any) -> None:
    """Have the endpoint at Stripe be set up like this."""
    store = simulator.simulator.core.store
    with store.changes():
        record = store.all("webhook_endpoint")[0]
        record.object.update({"enabled_events": list(events) or record.object["enabled_events"], **changes})
        store.save(record)


def test_all_in_order_and_no_secret_on_the_page(pages: PageClient, stripe_simulator: Any) -> None:
    page = pages.get("/admin/doctor")
    for words in ("Counters against bookings In order", "Ledger In order", "Background work In order", "SQLite",
                  "set: a test key, no real money moves", "Stripe has not been asked yet"):  # fmt: skip
        assert words in page.text, words
    assert not any(secret in page.html for secret in (SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET))


def test_what_doctor_finds_is_on_the_page_too(pages: PageClient) -> None:
    make_club_session(slug="badminton")
    with transaction() as db:
        db.execute(update(ClubSession).values(waitlist_taken=3))
    page = pages.get("/admin/doctor")
    (finding,) = health_check.findings()
    assert "Counters against bookings Look here" in page.text and str(finding) in page.text


def test_stripe_is_asked_at_the_press_of_a_button_and_the_answer_stays(pages: PageClient, stripe_simulator: Any) -> None:
    listen_to(stripe_simulator, *HANDLED, *RECORDED)
    pages.get("/admin/doctor")
    assert stripe_simulator.control.counts().get("webhook_endpoint.list", 0) == 0, "looking at the page asks nobody"
    page = pages.submit("/check-with-stripe")
    assert page.redirects[0][0] == 303 and "its webhook is set up as it should be" in page.text
    assert "Asked by" in page.text and "http://muster.test/webhooks/stripe" in page.text
    assert stripe_simulator.control.counts()["webhook_endpoint.list"] == 1
    page = pages.get("/admin/doctor")
    assert "2026-10-28.endive" in page.text and count_of(AuditEntry, action="stripe_checked") == 1


@pytest.mark.parametrize(
    ("events", "changes", "said"),
    [
        (HANDLED[:-1], {}, f"does not send: {HANDLED[-1]}"),
        ((*HANDLED, "invoice.paid"), {}, "does not use: invoice.paid"),
        (HANDLED, {"status": "disabled"}, "is disabled"),
        (HANDLED, {"api_version": "2020-08-27"}, "sends in API version 2020-08-27"),
        (HANDLED, {"url": "https://old.example/webhooks/stripe"}, "no webhook endpoint for http://muster.test/webhooks/stripe"),
    ],
)  # fmt: skip
def test_what_is_wrong_at_stripe_is_named(pages: PageClient, stripe_simulator: Any, events: Any, changes: Any, said: str) -> None:
    listen_to(stripe_simulator, *events, **changes)
    pages.get("/admin/doctor")
    assert said in pages.submit("/check-with-stripe").text


@pytest.mark.parametrize("fault", ["500", "refused", "429"])
def test_stripe_that_cannot_be_asked_is_said_and_nothing_is_claimed(pages: PageClient, stripe_simulator: Any, fault: str) -> None:
    stripe_simulator.control.fail("webhook_endpoint.list", fault, times=5)
    pages.get("/admin/doctor")
    page = pages.submit("/check-with-stripe")
    assert "Stripe could not be asked just now" in page.text and "Could not ask" in page.text
    assert "set up as it should be" not in page.text and the(AuditEntry, action="stripe_checked").detail["problem"]
    assert stripe_simulator.control.counts()["webhook_endpoint.list"] == 1, "somebody waits: it is not repeated"


def test_no_secret_is_put_on_the_record(pages: PageClient, stripe_simulator: Any) -> None:
    pages.get("/admin/doctor")
    pages.submit("/check-with-stripe")
    kept = json.dumps([entry.detail for entry in all_of(AuditEntry)])
    assert not any(secret in kept for secret in (SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET))


def test_only_admins_see_it(pages: PageClient) -> None:
    assert "Self-check" in pages.get("/admin/").links
    sign_in(pages, Role.STAFF)
    assert "Self-check" not in pages.get("/admin/").links and pages.get("/admin/doctor").status == 403
