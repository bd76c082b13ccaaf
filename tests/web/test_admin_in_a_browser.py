"""The desk in a real browser: at home on a phone, readable by everybody, and a session made without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import ClubSession, StripeEvent
from app.rules.statuses import RegistrationStatus, Role, SessionStatus
from app.transaction import transaction
from tests.support.browser import aside, axe_check, click_through, fits
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.rows import the
from tests.web.desk import book, owe_mail

pytestmark = pytest.mark.browser
PAGES = (
    "sessions", "sessions?show=past", "sessions/badminton", "sessions/badminton?q=b", "sessions/new", "sessions/badminton/edit",
    "inbox", "outbox",
)  # fmt: skip


@pytest.fixture(autouse=True)
def club(app: Flask) -> None:
    """A session with long names in every field that people fill, and something in both boxes."""

    def fill() -> None:
        make_user(email="staff@club.example", role=Role.STAFF, password=PASSWORD)
        title, email = "Intermediate badminton for left-handers", "maximiliana.featherstonehaugh@department.university.example"
        session = make_club_session(slug="badminton", title=title, capacity=4, waitlist_capacity=5)
        checkout_id = "cs_test_" + "a1B2" * 14
        book(session, "Maximiliana Featherstonehaugh", count=3, paid_cents=3600, checkout_id=checkout_id, email=email)
        book(session, "Ben", RegistrationStatus.HELD)
        book(session, "Chloe", RegistrationStatus.WAITLISTED)
        owe_mail(email, failed=True, last_error="550 5.1.1 " + "unknown " * 20)
        with transaction() as db:
            db.add(StripeEvent(id="evt_" + "a1B2" * 8, type="checkout.session.async_payment_succeeded", payload={}))

    aside(lambda: _in(app, fill))


def _in(app: Flask, act: Any) -> None:
    with app.app_context():
        act()


def _sign_in(page: Any) -> None:
    page.goto("/account/sign-in?next=/admin/sessions")
    page.get_by_label("E-mail address").fill("staff@club.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_through(page.get_by_role("button", name="Sign in"))


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_every_page_fits_a_phone_and_is_readable_by_everybody(page: Any) -> None:
    _sign_in(page)
    for path in PAGES:
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.goto(f"/admin/{path}").status == 200
            axe_check(page)
        fits(page)
    page.goto("/admin/sessions/new")
    click_through(page.get_by_role("button", name="Save"))
    axe_check(page)
    fits(page)


def test_a_session_is_made_published_and_seen_with_javascript_off(page: Any, app: Flask) -> None:
    _sign_in(page)
    click_through(page.get_by_role("button", name="New session"))
    page.get_by_label("Title").fill("Pottery")
    day = (clock.now() + timedelta(days=30)).date().isoformat()
    page.get_by_label("Start date").fill(day)
    page.get_by_label("Start time").fill("18:30")
    page.get_by_label("End time").fill("20:30")
    page.get_by_label("Price of a place").fill("25.00")
    page.get_by_label("Everybody: it is published").check()
    click_through(page.get_by_role("button", name="Save"))
    assert page.title().startswith("Error: ")
    click_through(page.get_by_role("link", name="Enter how many places there are"))
    assert page.get_by_label("Start time").input_value() == "18:30" and page.get_by_label("Start date").input_value() == day
    page.get_by_label("Number of places").fill("8")
    click_through(page.get_by_role("button", name="Save"))
    assert page.get_by_role("heading", level=1).inner_text() == "Pottery"
    row = aside(lambda: _read(app))
    assert (row.capacity, row.non_member_price_cents, row.status) == (8, 2500, SessionStatus.PUBLISHED)
    click_through(page.get_by_role("button", name="See its public page"))
    assert "NZ$25.00" in page.inner_text("main")


def _read(app: Flask) -> ClubSession:
    with app.app_context():
        return the(ClubSession, title="Pottery")
