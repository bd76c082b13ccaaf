"""Who gets to the committee's desk, and what each role sees of it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import OutgoingEmail
from app.rules.statuses import Role
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.pages import PageClient
from tests.support.rows import the
from tests.web.desk import book, owe_mail, sign_in

DESK = ("/admin/sessions", "/admin/sessions/badminton")
STAFF = ("/admin/sessions/new", "/admin/sessions/badminton/edit", "/admin/inbox", "/admin/outbox")


@pytest.fixture(autouse=True)
def session(app: Flask) -> Any:
    return make_club_session(slug="badminton", title="Badminton")


@pytest.mark.parametrize("path", [*DESK, *STAFF])
def test_a_visitor_signs_in_first_and_then_gets_there(pages: PageClient, path: str) -> None:
    make_user(email="staff@club.example", role=Role.STAFF, password=PASSWORD)
    page = pages.get(path)
    assert page.h1 == "Sign in" and page.redirects[0][0] == 303
    page = pages.submit("/account/sign-in", email="staff@club.example", password=PASSWORD)
    assert (page.status, page.path) == (200, path)


@pytest.mark.parametrize("path", ["/admin/", *DESK, *STAFF])
def test_somebody_without_a_role_sees_nothing(app: Flask, pages: PageClient, path: str) -> None:
    sign_in(pages, Role.NONE)
    assert pages.get(path).status == 403


@pytest.mark.parametrize(("role", "seen"), [(Role.DESK, DESK), (Role.STAFF, DESK + STAFF), (Role.ADMIN, DESK + STAFF)])
def test_each_role_sees_its_pages_and_no_other(pages: PageClient, role: Role, seen: tuple[str, ...]) -> None:
    sign_in(pages, role)
    for path in DESK + STAFF:
        page = pages.get(path)
        assert page.status == (200 if path in seen else 403), path
        assert page.status == 403 or page.headers["Cache-Control"] == "no-store"


def test_the_desk_opens_on_today(pages: PageClient) -> None:
    sign_in(pages, Role.DESK)
    assert pages.get("/admin/").h1 == "Today"


def test_the_desk_is_offered_nothing_that_it_may_not_do(pages: PageClient) -> None:
    sign_in(pages, Role.DESK)
    for path in DESK:
        leads_to = set(pages.get(path).links.values())
        assert not [link for link in leads_to if link.endswith(("/new", "/edit"))]


def test_checkout_ids_and_secret_links_are_for_staff_only(pages: PageClient, session: Any) -> None:
    booking = book(session, "Aroha", paid_cents=1200, checkout_id="cs_test_secret_of_aroha")
    sign_in(pages, Role.DESK)
    page = pages.get("/admin/sessions/badminton")
    assert booking.reference in page.text
    assert "cs_test" not in page.html and booking.order_token not in page.html
    sign_in(pages, Role.STAFF)
    page = pages.get("/admin/sessions/badminton")
    assert "cs_test_secret_of_aroha" in page.text
    assert page.links[booking.reference].endswith(f"/orders/{booking.order_token}")
    assert pages.click(booking.reference).status == 200


def test_only_staff_may_send_what_the_forms_send(pages: PageClient) -> None:
    mail_id = owe_mail("aroha@club.example", failed=True)
    for role in (Role.NONE, Role.DESK):
        sign_in(pages, role)
        token = pages.get("/").form("/account/sign-out")["csrf_token"]
        for path in ("/admin/sessions/new", "/admin/sessions/badminton/edit", f"/admin/outbox/{mail_id}/retry"):
            assert pages.post(path, {"csrf_token": token, "title": "Mine now"}).status == 403
    assert the(OutgoingEmail, id=mail_id).failed_at is not None


def test_forms_are_worth_nothing_without_their_token(pages: PageClient) -> None:
    mail_id = owe_mail("aroha@club.example", failed=True)
    sign_in(pages, Role.ADMIN)
    for path in ("/admin/sessions/new", "/admin/sessions/badminton/edit", f"/admin/outbox/{mail_id}/retry"):
        assert pages.post(path, {"title": "Mine now"}).status == 400
    assert the(OutgoingEmail, id=mail_id).failed_at is not None


@pytest.mark.parametrize("path", ["/admin/sessions/chess", "/admin/sessions/chess/edit", "/admin/sessions/Not_a_slug"])
def test_a_session_that_is_not_there_is_a_page_that_says_so(pages: PageClient, path: str) -> None:
    sign_in(pages, Role.ADMIN)
    assert pages.get(path).status == 404
