"""Events on their way: signed as the SDK expects, retried with growing pauses, and bent by every switch.

Run by pytest.
"""
from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
import stripe

from app.simulator import Answer, Control, WebhookTarget
from app.simulator.server import RunningSimulator, serve
from app.simulator.settings import Settings
from app.simulator.webhooks import post_over_http
from tests.simulator.conftest import SECRET, URL, Mailbox

ON_PAYMENT = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]


def accepted(mailbox: Mailbox, i: int, secret: str) -> bool:
    _, headers, body = mailbox.got[i]
    try:
        stripe.StripeClient("sk_test_1").construct_event(body, headers["Stripe-Signature"], secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_a_payment_is_told_in_stripes_words_and_headers(control: Control, mailbox: Mailbox, paid: Callable[..., str]) -> None:
    paid()
    assert control.deliver_due() == 4
    assert mailbox.types() == ON_PAYMENT
    url, headers, body = mailbox.got[3]
    assert url == URL
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    assert body.startswith(b'{\n  "id": "evt_')
    event = stripe.StripeClient("sk_test_1").construct_event(body, headers["Stripe-Signature"], SECRET)
    assert isinstance(event.data.object, stripe.checkout.Session)
    assert event.data.object.payment_status == "paid"
    assert event.api_version == "2026-10-28.endive" and event.pending_webhooks == 1
    assert control.deliver_due() == 0
    assert [e["pending_webhooks"] for e in control.events()] == [0] * 4


def test_the_signature_is_the_sdks_own(control: Control, mailbox: Mailbox, paid: Callable[..., str]) -> None:
    paid()
    control.deliver_due()
    _, headers, body = mailbox.got[0]
    parts = dict(part.split("=", 1) for part in headers["Stripe-Signature"].split(","))
    expected = stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, int(parts["t"]))
    assert f"v1={parts['v1']}" in expected.split(",")
    assert not accepted(mailbox, 0, "whsec_other")


def test_two_secrets_sign_twice_while_one_is_rolled(
    start: Callable[..., RunningSimulator], connect: Callable[..., stripe.StripeClient], order: Any, mailbox: Mailbox
) -> None:
    running = start(webhooks=(WebhookTarget(URL, ("whsec_old", "whsec_new"), ("checkout.session.expired",)),))
    session = connect(running.base_url).v1.checkout.sessions.create(order())
    running.control.expire(session.id)
    running.control.deliver_due()
    assert accepted(mailbox, 0, "whsec_old") and accepted(mailbox, 0, "whsec_new")
    running.control.set_secrets(URL, ["whsec_new"])
    running.control.repeat(running.control.events()[0]["id"])
    running.control.deliver_due()
    assert accepted(mailbox, 1, "whsec_new") and not accepted(mailbox, 1, "whsec_old")


def test_a_failure_is_retried_with_growing_pauses_and_a_fresh_signature(
    new_session: Any, control: Control, mailbox: Mailbox
) -> None:
    mailbox.answers = [500, 302, TimeoutError("too slow"), ConnectionRefusedError("down"), 204]
    control.sign_with("simulated")
    control.expire(new_session().id)
    assert control.deliver_due() == 1
    for pause in (5, 10, 20, 40):
        control.advance(pause - 1)
        assert control.deliver_due() == 0
        control.advance(1)
        assert control.deliver_due() == 1
    [delivery] = control.deliveries()
    assert [a["status"] for a in delivery["attempts"]] == [500, 302, 0, 0, 204]
    assert "too slow" in delivery["attempts"][2]["error"]
    assert delivery["attempts"][0]["body"] == "answered 500"
    assert delivery["state"] == "delivered"
    assert len({headers["Stripe-Signature"] for _, headers, _ in mailbox.got}) == 5
    assert len({body for _, _, body in mailbox.got}) == 1


def test_after_three_days_it_gives_up(new_session: Any, control: Control, mailbox: Mailbox, client: stripe.StripeClient) -> None:
    mailbox.answers = [500] * 200
    control.expire(new_session().id)
    while control.deliveries()[0]["state"] == "pending":
        control.deliver_due()
        control.advance(3600)
    assert control.now() - control.events()[0]["created"] >= 3 * 24 * 3600
    assert [e.type for e in client.v1.events.list({"delivery_success": False}).data] == ["checkout.session.expired"]


def test_hold_and_release_in_order_backwards_and_as_told(new_session: Any, control: Control, mailbox: Mailbox) -> None:
    control.hold()
    control.pay(new_session().id)
    assert control.deliver_due() == 0
    ids = [e["id"] for e in control.events()]
    assert control.release(backwards=True) == ids[::-1]
    control.deliver_due()
    assert mailbox.types() == ON_PAYMENT[::-1]
    mailbox.got.clear()
    control.hold(["checkout.session.completed"])
    control.pay(new_session().id)
    assert control.deliver_due() == 3
    control.hold()
    control.pay(new_session().id)
    chosen = [e["id"] for e in control.events() if e["type"] == "checkout.session.completed"][:0:-1]
    control.release(order=chosen)
    control.deliver_due()
    assert [mailbox.event(i)["id"] for i in (3, 4)] == chosen


def test_dropped_events_never_come_but_stay_on_stripes_list(
    new_session: Any, control: Control, mailbox: Mailbox, client: stripe.StripeClient
) -> None:
    control.drop(1, ["checkout.session.completed"])
    control.drop(1, ["charge.succeeded"])
    control.pay(new_session().id)
    control.deliver_due()
    assert mailbox.types() == ["payment_intent.created", "payment_intent.succeeded"]
    missed = client.v1.events.list({"delivery_success": False}).data
    assert [e.type for e in missed] == ["checkout.session.completed", "charge.succeeded"]
    control.pay(new_session().id)
    control.deliver_due()
    assert mailbox.types()[2:] == ON_PAYMENT
    control.repeat(missed[0].id)
    control.deliver_due()
    assert mailbox.event(-1)["id"] == missed[0].id
    assert len(client.v1.events.list({"delivery_success": False}).data) == 1


def test_duplicates_with_the_same_and_with_a_new_id(new_session: Any, control: Control, mailbox: Mailbox) -> None:
    control.expire(new_session().id)
    control.deliver_due()
    event = control.events()[0]["id"]
    control.repeat(event)
    twin = control.repeat(event, new_id_too=True)
    control.deliver_due()
    assert [mailbox.event(i)["id"] for i in range(3)] == [event, event, twin] and twin != event
    assert mailbox.event(2)["data"] == mailbox.event(0)["data"]
    control.copies(2)
    control.expire(new_session().id)
    assert control.deliver_due() == 3


def test_delay_wrong_secret_and_only(new_session: Any, control: Control, mailbox: Mailbox) -> None:
    control.delay(30)
    control.expire(new_session().id)
    assert control.deliver_due() == 0
    control.advance(30)
    assert control.deliver_due() == 1
    control.delay(0)
    control.wrong_secret(1)
    for expected in (False, True):
        control.expire(new_session().id)
        control.deliver_due()
        assert accepted(mailbox, len(mailbox.got) - 1, SECRET) is expected
    control.only(["checkout.session.completed"])
    control.pay(new_session().id)
    assert control.deliver_due() == 1 and mailbox.types()[-1] == "checkout.session.completed"
    control.hold()
    control.wrong_secret()
    control.webhooks_normal()
    control.pay(new_session().id)
    assert control.deliver_due() == 4 and accepted(mailbox, len(mailbox.got) - 1, SECRET)


def test_an_endpoint_made_through_the_api_is_told_with_its_own_secret(
    client: stripe.StripeClient, new_session: Any, control: Control, mailbox: Mailbox
) -> None:
    made = client.v1.webhook_endpoints.create({"url": "http://other.example/h", "enabled_events": ["checkout.session.expired"]})
    assert made.secret is not None
    assert "secret" not in client.v1.webhook_endpoints.list().data[0]
    session = new_session()
    control.expire(session.id)
    assert control.events()[0]["pending_webhooks"] == 2
    mailbox.answers = [500, 200]
    control.deliver_due()
    assert control.events()[0]["pending_webhooks"] == 1
    assert [url for url, _, _ in mailbox.got] == [URL, "http://other.example/h"]
    assert accepted(mailbox, 1, made.secret) and not accepted(mailbox, 1, SECRET)


def test_an_endpoint_may_call_back_while_it_is_being_told(
    running: RunningSimulator, connect: Callable[..., stripe.StripeClient], new_session: Any, control: Control
) -> None:
    """No lock is held across a delivery: the site retrieves the session before it answers."""
    seen = []

    def post(url: str, headers: Any, body: bytes, timeout: float) -> Answer:
        session = connect(running.base_url).v1.checkout.sessions.retrieve(json.loads(body)["data"]["object"]["id"])
        seen.append(session.status)
        return Answer(200, "")

    running.simulator.deliverer.post = post
    control.only(["checkout.session.completed"])
    control.pay(new_session().id)
    worker = threading.Thread(target=control.deliver_due)
    worker.start()
    worker.join(5)
    assert not worker.is_alive() and seen == ["complete"]


@pytest.mark.parametrize("waits", [True, False])
def test_the_page_redirects_after_the_answer_or_at_once(
    new_session: Any, control: Control, mailbox: Mailbox, browser: requests.Session, card_form: Any, waits: bool
) -> None:
    control.redirect_waits(waits)
    answer = browser.post(new_session().url, card_form(), allow_redirects=False)
    assert answer.status_code == 303
    assert mailbox.types() == (["checkout.session.completed"] if waits else [])
    control.deliver_due()
    assert sorted(mailbox.types()) == sorted(ON_PAYMENT)


def test_the_page_waits_no_longer_than_it_should(
    start: Callable[..., RunningSimulator], connect: Callable[..., stripe.StripeClient], order: Any,
    browser: requests.Session, card_form: Any,
) -> None:  # fmt: skip
    running = start(redirect_waits=True, redirect_wait_seconds=0.2)
    running.control.hold()
    session = connect(running.base_url).v1.checkout.sessions.create(order())
    began = time.monotonic()
    assert browser.post(session.url or "", card_form(), allow_redirects=False).status_code == 303
    assert 0.2 <= time.monotonic() - began < 3


def test_in_the_background_events_go_out_by_themselves_over_http(
    connect: Callable[..., stripe.StripeClient], order: Any
) -> None:
    got, done = [], threading.Event()

    class Site(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"])), self.headers["Stripe-Signature"]))
            self.send_response(500 if len(got) == 1 else 200)
            self.end_headers()
            if len(got) == 2:
                done.set()

        def log_message(self, *args: Any) -> None:
            """Keep the test's output clean."""

    site = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    target = WebhookTarget(f"http://127.0.0.1:{site.server_port}/hook?a=b", (SECRET,), ("checkout.session.expired",))
    try:
        with serve(Settings(webhooks=(target,), retry_base_seconds=1, environment={}), background=True) as running:
            session = connect(running.base_url).v1.checkout.sessions.create(order())
            running.control.advance(24 * 3600)  # nobody asks: the background itself notices that time is up
            assert done.wait(5)
            assert session.status == "open" and running.control.sessions()[0]["status"] == "expired"
    finally:
        site.shutdown()
        thread.join()
        site.server_close()
    assert [path for path, _, _ in got] == ["/hook?a=b"] * 2
    stripe.StripeClient("sk_test_1").construct_event(got[1][1], got[1][2], SECRET)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http://127.0.0.1:9/closed"])
def test_no_answer_is_an_os_error_and_nothing_else(url: str) -> None:
    with pytest.raises(OSError):
        post_over_http(url, {}, b"{}", 0.5)
