"""Notices by WhatsApp as people meet them: the number and the consent in the booking form, the way out on the order page, the
desk's list. Without the settings none of it is there.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, OutgoingNotice, Registration
from app.rules.statuses import Role
from tests.support.booking import begin, mails, order_of, work
from tests.support.factories import make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import count_of, the
from tests.support.whatsapp import error
from tests.web.desk import sign_in

NUMBER = "+64211234567"
AGREED = {"whatsapp_number": "021 123 4567", "whatsapp_agreed": True}


def fill_in(pages: PageClient, club_session: ClubSession, **values: Any) -> Any:
    pages.get(f"/sessions/{club_session.slug}/register")
    return pages.submit("/register", **{"name": "Ana Lee", "email": "ana@example.org", **values})


def test_number_and_consent_go_all_the_way_to_the_phone(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    page = fill_in(pages, make_free_club_session(), **AGREED)
    assert page.h1 == "Check your booking" and "+64 21 123 4567" in page.text
    page = pages.submit("/register")
    assert page.h1 == "You are registered" and "ends in 567" in page.text and "1234567" not in page.html
    work()
    assert [(to, template) for to, template, _ in whatsapp_server.sent] == [("64211234567", "muster_booking_confirmed")]


def test_a_number_is_never_asked_for(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    page = fill_in(pages, make_free_club_session(), whatsapp_agreed=True)
    assert page.h1 == "Check your booking" and "WhatsApp" not in page.text
    pages.submit("/register")
    assert the(Registration).whatsapp_number is None and the(Registration).whatsapp_agreed_at is None


def test_a_number_needs_consent(whatsapp_server: Any, sqlite_app: Flask, pages: PageClient) -> None:
    page = fill_in(pages, make_free_club_session(), whatsapp_number="021 123 4567")
    assert page.status == 422 and "Tick the box to get notices by WhatsApp" in page.text
    assert page.form("/register")["whatsapp_number"] in ("021 123 4567", NUMBER), "what was typed is still there"


def test_what_is_no_number_is_said_at_its_field(whatsapp_server: Any, sqlite_app: Flask, pages: PageClient) -> None:
    page = fill_in(pages, make_free_club_session(), whatsapp_number="call me", whatsapp_agreed=True)
    assert page.status == 422 and "Enter a phone number, like +64 21 123 4567, or leave it empty" in page.text
    assert page.form("/register")["whatsapp_number"] == "call me"


def test_change_keeps_number_and_consent(whatsapp_server: Any, sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_free_club_session()
    sent = dict(fill_in(pages, club_session, **AGREED).form("/register").filled({}, "Change"))
    shown = pages.post(f"/sessions/{club_session.slug}/register/change", sent).form("/register")
    assert (shown["whatsapp_number"], shown["whatsapp_agreed"]) == (NUMBER, "y")


def test_the_contracts_fields_go_on_working(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_free_club_session()
    form = pages.get(f"/sessions/{club_session.slug}/register").form("/register")
    answer = pages.post(
        f"/sessions/{club_session.slug}/register",
        {"name": "Ana Lee", "email": "ana@example.org", "places": "1", "expected_price_cents": "0", "attempt": "a-program-1",
         "csrf_token": form["csrf_token"]},
    )  # fmt: skip
    assert answer.h1 == "You are registered" and the(Registration).whatsapp_number is None


def test_while_it_is_off_the_form_asks_for_no_number_and_takes_none(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_free_club_session()
    page = pages.get(f"/sessions/{club_session.slug}/register")
    assert "WhatsApp" not in page.text and "whatsapp_number" not in page.form("/register").names
    sent = {**dict(page.form("/register").filled({"name": "Ana", "email": "ana@example.org"}, None)), "whatsapp_number": NUMBER,
            "whatsapp_agreed": "y"}  # fmt: skip
    assert pages.post(f"/sessions/{club_session.slug}/register", sent).h1 == "You are registered"
    assert the(Registration).whatsapp_number is None and mails() == ["confirmation"]


def test_consent_is_taken_back_by_one_press_on_the_order_page(whatsapp_server: Any, sqlite_app: Flask, pages: PageClient) -> None:
    token = begin(make_free_club_session(), expected_price_cents=0, whatsapp_number=NUMBER)
    pages.get(f"/orders/{token}")
    page = pages.submit("/stop-notices")
    assert page.path == f"/orders/{token}" and "WhatsApp" not in page.text
    assert the(Registration).whatsapp_number is None and count_of(OutgoingNotice) == 0
    assert the(AuditEntry, action="notices_stopped").actor == "guest"


def test_staff_see_number_and_notices_and_try_again_what_failed(
    whatsapp_server: Any, sqlite_app: Flask, pages: PageClient
) -> None:
    whatsapp_server.answer_with(error(131026, "Message undeliverable"))
    token = begin(make_free_club_session(), name="Ana Lee", expected_price_cents=0, whatsapp_number=NUMBER)
    work()
    sign_in(pages, Role.STAFF)
    page = pages.get(f"/admin/registrations/{the(Registration, order_id=order_of(token).id).token}")
    assert "+64 21 123 4567" in page.text and "Message undeliverable" in page.text
    pages.get("/admin/outbox")
    page = pages.get("/admin/outbox/whatsapp?show=failed")
    assert "Ana Lee" in page.text and "Booking confirmed" in page.text and "131026" in page.text
    page = pages.submit("/retry")
    assert "We try this notice again now" in page.text
    work()
    assert len(whatsapp_server.sent) == 1 and "Sent" in pages.get("/admin/outbox/whatsapp?show=sent").text


def test_the_door_does_not_see_the_number(whatsapp_server: Any, sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_free_club_session()
    token = begin(club_session, name="Ana Lee", expected_price_cents=0, whatsapp_number=NUMBER)
    sign_in(pages, Role.DESK)
    for path in ("", "/door"):
        page = pages.get(f"/admin/sessions/{club_session.slug}{path}")
        assert "Ana Lee" in page.text and "4567" not in page.html
    assert pages.get(f"/admin/registrations/{the(Registration, order_id=order_of(token).id).token}").status == 403


@pytest.mark.parametrize("on", [False, True])
def test_the_outbox_leads_to_notices_only_where_there_may_be_some(
    request: pytest.FixtureRequest, sqlite_app: Flask, pages: PageClient, on: bool
) -> None:
    if on:
        sqlite_app.extensions["muster_settings"] = sqlite_app.jinja_env.globals["settings"] = sqlite_app.extensions[
            "muster_settings"
        ].with_(whatsapp_token="x", whatsapp_phone_id="12345")
    sign_in(pages, Role.STAFF)
    assert ("WhatsApp notices" in pages.get("/admin/outbox").text) is on
