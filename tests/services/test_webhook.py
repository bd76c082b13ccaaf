"""`POST /webhooks/stripe`: every row of the signature table, and inbox and effects in one transaction (DESIGN §6 "Webhook")."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from app.integrations.stripe_gateway import StripeGateway
from app.models import Case, LedgerEntry, Order, StripeEvent
from app.services import attempts, letters, stripe_inbox
from tests.support.booking import at_once, begin, event, mails, order_of, signature, states, taken, work
from tests.support.client import OutsideClient
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.outage import database_away
from tests.support.rows import all_of, count_of, the
from tests.support.settings import SITE_URL, WEBHOOK_SECRET

PATH = "/webhooks/stripe"
BODY = json.dumps({
    "id": "evt_1", "object": "event", "type": "customer.created", "livemode": False,
    "data": {"object": {"id": "cus_1", "object": "customer"}},
}).encode()  # fmt: skip


def send(app: Flask, body: bytes = BODY, header: str | None = None, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    headers = {} if header is None else {"Stripe-Signature": header}
    client = OutsideClient(app, app.response_class, use_cookies=False)
    response = client.post(PATH, base_url=SITE_URL, data=body, headers=headers, **{"content_type": "application/json", **kwargs})
    return response.status_code, response.get_json(silent=True) or {}


def with_secrets(app: Flask, *secrets: str) -> None:
    settings = app.extensions["muster_settings"].with_(stripe_webhook_secrets=secrets)
    app.extensions["muster_gateway"] = StripeGateway(settings)


# --- The signature -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [0, 300, -300])
def test_signed_event_is_taken_up_to_five_minutes_either_way(app: Flask, stripe_simulator: Any, clock: Any, age: int) -> None:
    assert send(app, BODY, signature(BODY, at=int(clock.now.timestamp()) - age)) == (200, {"received": "processed"})
    assert the(StripeEvent).id == "evt_1" and the(StripeEvent).payload == json.loads(BODY)


def test_body_is_read_as_it_came_even_when_it_is_called_a_form(app: Flask, stripe_simulator: Any) -> None:
    assert send(app, BODY, signature(BODY), content_type="application/x-www-form-urlencoded")[0] == 200


@pytest.mark.parametrize("age", [301, 86400, -301, -86400])
def test_too_old_and_too_far_ahead_is_refused(app: Flask, stripe_simulator: Any, clock: Any, age: int) -> None:
    assert send(app, BODY, signature(BODY, at=int(clock.now.timestamp()) - age))[0] == 400
    assert count_of(StripeEvent) == 0


def good() -> str:
    return signature(BODY)


FORGED = {
    "no header": lambda: None,
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "no signature": lambda: good().partition(",")[0],
    "no timestamp": lambda: good().partition(",")[2],
    "only v0": lambda: signature(BODY, scheme="v0"),
    "wrong secret": lambda: signature(BODY, "whsec_other"),
    "blank secret": lambda: signature(BODY, ""),
    "not ASCII": lambda: f"{good().partition(',')[0]},v1=é",
    "timestamp not a number": lambda: "t=²,v1=" + good().partition("v1=")[2],
    "another timestamp": lambda: f"t={int(good()[2:].partition(',')[0]) + 1},{good().partition(',')[2]}",
}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("forgery", FORGED)
def test_what_stripe_did_not_sign_is_refused(app: Flask, stripe_simulator: Any, forgery: str) -> None:
    assert send(app, BODY, FORGED[forgery]()) == (400, {"error": "signature"})
    assert count_of(StripeEvent) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("body", [
    BODY.replace(b"cus_1", b"cus_2"), BODY + b" ", b"", b"\xff\xfe not UTF-8",
])  # fmt: skip
def test_body_that_is_not_what_was_signed_is_refused(app: Flask, stripe_simulator: Any, body: bytes) -> None:
    assert send(app, body, good())[0] == 400
    assert count_of(StripeEvent) == 0


THIN = {"id": "evt_1", "object": "v2.core.event", "type": "v1.checkout.session.completed", "livemode": False}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("body", [
    b"", b"not JSON", b"{", b"[]", b'"evt_1"', b"null", b"7", b"{}", b'{"object": "event"}', b'{"object": "event", "id": 7}',
    json.dumps(THIN).encode(), "\ufeff{}".encode(), b"\xff\xfe",
])  # fmt: skip
def test_signed_body_that_is_no_snapshot_event_is_refused(app: Flask, stripe_simulator: Any, body: bytes) -> None:
    assert send(app, body, signature(body))[0] == 400
    assert count_of(StripeEvent) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("obj", [None, [], "x", {}, {"object": "checkout.session"}, {"object": "refund"}, {"object": "dispute"}])
@pytest.mark.parametrize("kind", ["checkout.session.completed", "refund.updated", "charge.dispute.created", 7])
def test_signed_event_without_what_it_should_hold_is_kept_and_never_an_error(
    app: Flask, stripe_simulator: Any, obj: Any, kind: Any
) -> None:
    body = json.dumps({**json.loads(BODY), "type": kind, "data": {"object": obj} if obj is not None else None}).encode()
    assert send(app, body, signature(body))[0] == 200
    assert count_of(StripeEvent) == 1 and count_of(LedgerEntry) == 0


@pytest.mark.databases("sqlite")
def test_event_of_the_other_mode_is_refused(app: Flask, stripe_simulator: Any) -> None:
    body = json.dumps(json.loads(BODY) | {"livemode": True}).encode()
    assert send(app, body, signature(body))[0] == 400 and count_of(StripeEvent) == 0


@pytest.mark.databases("sqlite")
def test_each_of_several_secrets_is_accepted_and_no_other(app: Flask, stripe_simulator: Any) -> None:
    with_secrets(app, "whsec_old", "whsec_new")
    assert send(app, BODY, signature(BODY, "whsec_old"))[0] == 200
    assert send(app, BODY, signature(BODY, "whsec_new"))[0] == 200
    assert send(app, BODY, good())[0] == 400


@pytest.mark.databases("sqlite")
def test_no_secret_at_all_accepts_nothing(app: Flask, stripe_simulator: Any) -> None:
    with_secrets(app)
    assert send(app, BODY, good())[0] == 400 and send(app, BODY, signature(BODY, ""))[0] == 400


@pytest.mark.databases("sqlite")
def test_while_a_secret_is_rolled_one_of_two_signatures_is_enough(app: Flask, stripe_simulator: Any) -> None:
    stripe_simulator.control.set_secrets(f"{SITE_URL}{PATH}", ["whsec_not_yet_known_here", WEBHOOK_SECRET])
    begin(make_club_session())
    stripe_simulator.pay()
    assert {status for _, status in stripe_simulator.deliver()} == {200}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_raw_bytes_are_read_whatever_the_content_type(app: Flask, stripe_simulator: Any, content_type: str) -> None:
    assert send(app, BODY, good(), content_type=content_type)[0] == 200


@pytest.mark.databases("sqlite")
def test_body_above_the_cap_is_not_read(app: Flask, stripe_simulator: Any) -> None:
    body = BODY + b" " * (512 * 1024)
    assert send(app, body, signature(body))[0] == 413
    fits = BODY + b" " * (512 * 1024 - len(BODY))
    assert send(app, fits, signature(fits))[0] == 200


@pytest.mark.databases("sqlite")
def test_refused_webhook_is_logged_without_secret_or_body(
    app: Flask, stripe_simulator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    send(app, BODY, signature(BODY, "whsec_other"))
    assert "webhook refused" in caplog.text
    assert not any(word in caplog.text for word in (WEBHOOK_SECRET, "whsec_other", "cus_1", signature(BODY)))


@pytest.mark.databases("sqlite")
def test_only_a_post_is_answered(app: Flask, stripe_simulator: Any) -> None:
    client = OutsideClient(app, app.response_class)
    assert client.get(PATH, base_url=SITE_URL).status_code == 405


# --- Once, and all or nothing ------------------------------------------------------------------------------------------------


def test_unknown_type_is_answered_and_recorded(app: Flask, stripe_simulator: Any) -> None:
    assert send(app, BODY, good())[0] == 200
    row = the(StripeEvent)
    assert (row.type, row.attempts, row.last_error) == ("customer.created", 1, None) and row.processed_at is not None


def test_repeated_event_has_its_effects_once(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.copies(2)
    stripe_simulator.pay()
    answers = stripe_simulator.deliver()
    assert len(answers) == 3 * len({kind for kind, _ in answers}) and {status for _, status in answers} == {200}
    assert states(token) == ("paid", "registered", ["succeeded"]) and mails() == ["confirmation"]
    assert count_of(LedgerEntry) == 1 and count_of(StripeEvent, type="checkout.session.completed") == 1


def test_one_event_delivered_four_times_at_once_has_its_effects_once(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    made = next(e for e in stripe_simulator.control.events() if e["type"] == "checkout.session.completed")
    body = json.dumps(made).encode()
    answers = at_once(app, *[lambda: send(app, body, signature(body))] * 4)
    assert sorted(answer[1]["received"] for answer in answers) == ["duplicate"] * 3 + ["processed"]
    assert states(token)[0] == "paid" and mails() == ["confirmation"] and taken(club_session) == 1


def test_same_fact_under_another_event_id_has_its_effects_once(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    made = next(e for e in stripe_simulator.control.events() if e["type"] == "checkout.session.completed")
    stripe_simulator.control.repeat(made["id"], new_id_too=True)
    stripe_simulator.deliver()
    assert states(token)[0] == "paid" and mails() == ["confirmation"] and count_of(LedgerEntry) == 1


def completed(app: Flask, simulator: Any) -> bytes:
    begin(make_club_session())
    simulator.pay()
    return json.dumps(next(e for e in simulator.control.events() if e["type"] == "checkout.session.completed")).encode()


def test_failure_among_the_effects_leaves_nothing_and_the_next_delivery_does_it_all(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = completed(app, stripe_simulator)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the last of the effects fails")

    with monkeypatch.context() as broken:
        broken.setattr(letters, "owe_order_letter", fail)
        assert send(app, body, signature(body))[0] == 500
    assert (count_of(StripeEvent), count_of(LedgerEntry), mails()) == (0, 0, [])
    assert states(order_token())[:2] == ("pending", "held")
    assert send(app, body, signature(body)) == (200, {"received": "processed"})
    assert states(order_token())[:2] == ("paid", "registered") and mails() == ["confirmation"]


def order_token() -> str:
    return the(Order).token


def test_without_the_database_stripe_is_told_to_come_back_and_nothing_is_lost(app: Flask, stripe_simulator: Any) -> None:
    body = completed(app, stripe_simulator)
    with database_away(app):
        assert send(app, body, signature(body))[0] == 503
        assert send(app, body, "t=1,v1=forged")[0] == 400, "who is not Stripe learns nothing of our database"
    assert send(app, body, signature(body)) == (200, {"received": "processed"})
    assert states(order_token())[:2] == ("paid", "registered")


# --- Whose -------------------------------------------------------------------------------------------------------------------


def of_another_app(session: dict[str, Any]) -> dict[str, Any]:
    return session | {"id": "cs_test_other", "metadata": {}, "client_reference_id": None}


def test_checkout_of_another_app_on_the_account_is_answered_and_left_alone(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    for claimed in (None, order_of(token).reference, "theirs-7"):
        made = event("checkout.session.completed", of_another_app(stripe_simulator.checkout()) | {"client_reference_id": claimed})
        assert send(app, json.dumps(made).encode(), signature(json.dumps(made).encode())) == (200, {"received": "processed"})
    assert states(token) == ("pending", "held", ["open"]) and count_of(Case) == 0 and count_of(LedgerEntry) == 0


def test_ours_but_unknown_is_kept_until_a_person_looks(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    theirs = {"id": "cs_test_lost", "client_reference_id": "ZZZZZZ", "metadata": {"orderId": "ZZZZZZ"}}
    unknown = stripe_simulator.checkout() | theirs
    body = json.dumps(made := event("checkout.session.completed", unknown)).encode()
    assert send(app, body, signature(body)) == (200, {"received": "kept"})
    row = the(StripeEvent, id=made["id"])
    assert row.processed_at is None and row.attempts == 1 and row.last_error
    work()
    assert the(StripeEvent, id=made["id"]).attempts == 1, "each try has its time"
    clock.advance(minutes=11)
    work()
    assert the(StripeEvent, id=made["id"]).attempts == stripe_inbox.MAX_ATTEMPTS
    assert the(Case).kind == "unknown_payment" and the(Case).detail["reference"] == "ZZZZZZ"
    before = count_of(StripeEvent)
    assert send(app, body, signature(body))[1] == {"received": "kept"} and count_of(StripeEvent) == before and count_of(Case) == 1


def test_kept_event_is_processed_once_its_order_is_there(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    body = completed(app, stripe_simulator)
    with monkeypatch.context() as not_there_yet:
        not_there_yet.setattr(attempts, "find", lambda *_: None)
        assert send(app, body, signature(body))[1] == {"received": "kept"}
    clock.advance(seconds=31)
    work()
    assert states(order_token())[:2] == ("paid", "registered") and mails() == ["confirmation"]
    assert [row for row in all_of(StripeEvent) if row.processed_at is None] == []
