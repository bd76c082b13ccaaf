"""Notices by WhatsApp about orders without a booking: asked for when somebody joins, told once, stopped, and forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Membership, Order, OutgoingNotice, Registration
from app.rules.statuses import ItemKind, Role
from app.services import baskets, checkout, forgetting, memberships, retention
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from app.transaction import transaction
from tests.support.booking import work
from tests.support.factories import PASSWORD, make_club_session, make_plan, make_user
from tests.support.notices import NUMBER, told
from tests.support.pages import PageClient
from tests.support.rows import count_of, the
from tests.support.whatsapp import error
from tests.web.desk import sign_in

pytestmark = pytest.mark.databases("sqlite")
PERSON = {"name": "Ana Lee", "email": "ana@example.org"}


def join(**changes: Any) -> str:
    """Somebody orders a membership with a number, as far as Stripe; the order's token."""
    joiner = Joiner("Ana Lee", "ana@example.org", 6000, "join-1", whatsapp_number=NUMBER, **changes)
    return checkout.begin_membership(make_plan().slug, joiner).order_token


def paid(stripe_simulator: Any) -> None:
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()


def test_somebody_new_leaves_a_number_and_is_told(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    plan = make_plan()
    pages.get(f"/membership/{plan.slug}/join")
    page = pages.submit("/join", **PERSON, whatsapp_number="021 123 4567")
    assert page.status == 422 and "Tick the box to get notices by WhatsApp" in page.text
    page = pages.submit("/join", whatsapp_agreed=True)
    assert page.h1 == "Check your membership" and "+64 21 123 4567" in page.text
    pages.submit("/join", follow=False)
    assert the(Order).whatsapp_number == NUMBER and count_of(OutgoingNotice) == 0
    paid(stripe_simulator)
    [(_to, template, parameters)] = whatsapp_server.sent
    assert template == "muster_order_complete"
    assert parameters[:3] == ["Ana Lee", "Annual membership", "NZ$60.00"] and f"/orders/{the(Order).token}" in parameters[3]


def test_somebody_signed_in_is_asked_where_the_price_is(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    person, plan = make_user(password=PASSWORD), make_plan()
    pages.sign_in(person.email, PASSWORD)
    pages.get(f"/membership/{plan.slug}/join")
    page = pages.submit("/join", button="Pay NZ$60.00", whatsapp_number="call me", whatsapp_agreed=True)
    assert page.status == 422 and "Enter a phone number" in page.text and page.form("/join")["whatsapp_number"] == "call me"
    assert pages.submit("/join", button="Pay NZ$60.00", whatsapp_number="021 123 4567", follow=False).status == 303
    assert (the(Order).whatsapp_number, the(Order).user_id) == (NUMBER, person.id)


def test_while_it_is_off_nobody_is_asked(sqlite_app: Flask, pages: PageClient) -> None:
    assert "WhatsApp" not in pages.get(f"/membership/{make_plan().slug}/join").text


def test_order_with_a_booking_keeps_the_number_with_the_booking_alone(
    whatsapp_server: Any, sqlite_app: Flask, stripe_simulator: Any
) -> None:
    token = baskets.add(None, Wanted(ItemKind.REGISTRATION, make_club_session().slug), Buyer())
    baskets.add(token, Wanted(ItemKind.MEMBERSHIP, make_plan().slug), Buyer())
    buyer = Buyer("Ana Lee", "ana@example.org", whatsapp_number=NUMBER)
    checkout.begin_basket(token, buyer, 6800, "form-1")
    assert (the(Registration).whatsapp_number, the(Order).whatsapp_number) == (NUMBER, None)
    paid(stripe_simulator)
    assert told(whatsapp_server) == ["muster_booking_confirmed"]


def test_money_that_goes_back_is_told_too(whatsapp_server: Any, sqlite_app: Flask, stripe_simulator: Any) -> None:
    join()
    paid(stripe_simulator)
    memberships.refund(the(Membership).id, "Moved away", "user:1")
    work()
    assert told(whatsapp_server) == ["muster_order_complete", "muster_money_returned"]


def test_consent_is_taken_back_on_the_order_page(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = join()
    stripe_simulator.pay()
    stripe_simulator.deliver()
    page = pages.get(f"/orders/{token}")
    assert "Notices about this order also go by WhatsApp to the number that ends in 567" in page.text
    assert "1234567" not in page.html
    page = pages.submit("/stop-notices")
    assert "WhatsApp" not in page.text and the(Order).whatsapp_number is None and count_of(OutgoingNotice) == 0
    stopped = the(AuditEntry, action="notices_stopped")
    assert (stopped.subject_kind, stopped.actor) == ("order", "guest")
    work()
    assert whatsapp_server.sent == []


def test_staff_see_what_did_not_go_and_try_again(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = join()
    whatsapp_server.answer_with(error(131026, "Message undeliverable"))
    paid(stripe_simulator)
    sign_in(pages, Role.STAFF)
    page = pages.get("/admin/outbox/whatsapp?show=failed")
    assert "Ana Lee" in page.text and "Order complete" in page.text and f"/admin/money/orders/{token}" in page.html
    pages.submit("/retry")
    work()
    assert told(whatsapp_server) == ["muster_order_complete"]


def test_number_and_notices_go_with_the_person(whatsapp_server: Any, sqlite_app: Flask, stripe_simulator: Any) -> None:
    person = make_user(email="ana@example.org")
    join(user_id=person.id)
    paid(stripe_simulator)
    assert count_of(OutgoingNotice) == 1
    with transaction() as db:
        forgetting.forget_account(db, person.id, person.email)
    assert (the(Order).whatsapp_number, the(Order).whatsapp_agreed_at, count_of(OutgoingNotice)) == (None, None, 0)


def test_number_and_notices_go_when_the_order_is_purged(
    whatsapp_server: Any, sqlite_app: Flask, stripe_simulator: Any, clock: Any
) -> None:
    join()
    paid(stripe_simulator)
    clock.advance(days=3 * 366)
    clock.advance(days=366)
    assert retention.purge() == 1
    assert (the(Order).whatsapp_number, count_of(OutgoingNotice)) == (None, 0)
