"""The record, the inbox and the outbox as tools: found by person, tried again once, shown without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.blueprints.admin import record_words
from app.models import AuditEntry, Order, OutgoingEmail, StripeEvent
from app.rules.statuses import Role
from app.services import staff_actions, stripe_inbox
from app.transaction import transaction
from tests.support.booking import begin, event, order_of, receive
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session, make_free_club_session, make_user
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, owe_mail, sign_in


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


def rows_of(page: Page) -> list[str]:
    return [text_of(row) for body in page.tree.all("tbody") for row in body.iter("tr")]


@pytest.fixture
def waiting(stripe_simulator: Any) -> str:
    """An event that could not be matched: the id of it. Its order comes to be known later."""
    begin(make_club_session(title="Badminton"), name="Aroha Ngata")
    stripe_simulator.pay()
    session = stripe_simulator.control.sessions()[0]
    with transaction() as db:
        order = db.get_one(Order, the(Order).id)
        reference, order.reference = order.reference, "ELSEWH"
        from app.models import Payment

        payment = db.get_one(Payment, the(Payment).id)
        checkout_id, payment.checkout_id = payment.checkout_id, None
    made = event("checkout.session.completed", session)
    assert receive(made) is stripe_inbox.Received.KEPT
    with transaction() as db:
        db.get_one(Order, the(Order).id).reference = reference
        db.get_one(Payment, the(Payment).id).checkout_id = checkout_id
    return str(made["id"])


def test_an_event_is_tried_again_once_and_it_is_on_the_record(pages: PageClient, waiting: str) -> None:
    pages.get("/admin/inbox?show=waiting")
    page = pages.click("checkout.session.completed")
    assert "Not processed" in page.text and "names an order that is not in our record" in page.text
    button = page.form("/retry")
    page = pages.submit(button)
    assert page.redirects[0][0] == 303 and "It is processed now." in page.text and "Processed" in page.text
    assert order_of(the(Order).token).status.value == "paid"
    again = pages.submit(button)
    assert "This message has been processed already." in again.text
    (entry,) = all_of(AuditEntry, action="event_retried")
    assert entry.actor.startswith("user:") and entry.detail == {"event": waiting}
    assert "Message from Stripe tried again" in pages.get("/admin/audit").text


def test_an_event_that_still_cannot_be_processed_says_so_and_begins_its_patience_anew(
    pages: PageClient, waiting: str, clock: FakeClock
) -> None:
    with transaction() as db:
        db.get_one(StripeEvent, waiting).attempts = stripe_inbox.MAX_ATTEMPTS
        db.get_one(Order, the(Order).id).reference = "ELSEWH"
        payload = dict(db.get_one(StripeEvent, waiting).payload)
        payload["data"]["object"]["id"] = "cs_test_other"
        payload["data"]["object"]["payment_intent"] = "pi_other"
        db.get_one(StripeEvent, waiting).payload = payload
    pages.get(f"/admin/inbox/{waiting}")
    page = pages.submit("/retry")
    assert "It still cannot be processed" in page.text and "Not processed" in page.text
    assert the(StripeEvent).attempts == 2, "the worker tries it again by itself"
    clock.advance(minutes=2)
    assert stripe_inbox.retry_unprocessed() == 1


def test_what_stripe_sent_is_shown_without_what_opens_or_pays(pages: PageClient, waiting: str) -> None:
    page = pages.get(f"/admin/inbox/{waiting}")
    assert "(hidden)" in page.text and the(Order).token not in page.html.replace(f"/admin/money/orders/{the(Order).token}", "")
    assert pages.click("The order it is about").h1 == f"Order {the(Order).reference}"
    assert pages.get("/admin/inbox/evt_nobody").status == 404


def test_all_failed_mails_are_tried_again_and_each_is_on_the_record_once(pages: PageClient) -> None:
    ids = [owe_mail(f"person{n}@club.example", failed=True, last_error="550") for n in range(3)]
    owe_mail("fine@club.example", sent=True)
    page = pages.get("/admin/outbox")
    button = page.form("/retry-all")
    page = pages.submit(button)
    assert "We try 3 e-mails again now." in page.text and "failed ones" not in page.text
    assert {mail.failed_at for mail in all_of(OutgoingEmail)} == {None}
    assert "all are being tried already" in pages.submit(button).text
    assert [entry.subject_id for entry in all_of(AuditEntry, action="mail_retried")] == ids


def test_a_second_click_on_try_again_does_nothing(pages: PageClient) -> None:
    mail_id = owe_mail("aroha@club.example", failed=True)
    button = pages.get("/admin/outbox").form(f"/{mail_id}/retry")
    pages.submit(button)
    assert "is being tried already" in pages.submit(button).text
    assert count_of(AuditEntry, action="mail_retried") == 1


def test_the_record_of_a_person_is_what_they_did_and_what_was_done_to_them(pages: PageClient) -> None:
    person = make_user(name="Aroha Ngata", email="aroha@club.example")
    begin(make_free_club_session(title="Pottery"), email="aroha@club.example", name="Aroha Ngata", user_id=person.id,
          expected_price_cents=0)  # fmt: skip
    book(make_club_session(), "Ben")
    begin(make_free_club_session(title="Chess"), email="ben@club.example", name="Ben", expected_price_cents=0)
    page = pages.get(f"/admin/audit?person={person.id}")
    assert page.h1 == "Record of Aroha Ngata"
    assert rows_of(page) and all("Aroha Ngata" in row for row in rows_of(page)) and "Chess" not in page.text
    page = pages.submit("/admin/audit", action="registered")
    assert f"person={person.id}" in page.url and page.h1 == "Record of Aroha Ngata"
    assert pages.get("/admin/audit?person=999999").status == 404
    assert pages.get(f"/admin/audit?person={10**30}").status == 404


def test_a_name_in_the_record_leads_to_what_that_person_did(pages: PageClient) -> None:
    from app.models import Registration

    booked = book(make_club_session(), "Aroha", paid_cents=1200)
    registration = the(Registration, reference=booked.reference)
    staff = make_user(name="Sam Staff", role=Role.STAFF)
    staff_actions.refund(registration.token, 500, "Half", f"user:{staff.id}", once="k" * 20)
    pages.get("/admin/audit")
    page = pages.click("Sam Staff")
    assert page.h1 == "Record of Sam Staff" and "Refunded by the committee" in page.text


def test_why_a_refund_failed_is_said_in_words() -> None:
    words = record_words.refund_error_words
    assert words("expired_or_canceled_card") == "the card has expired or was cancelled"
    assert words("InvalidRequestError 400 charge_disputed req_1").startswith("the payment is disputed")
    assert words("APIConnectionError") == "APIConnectionError", "what has no words stands as it came"
