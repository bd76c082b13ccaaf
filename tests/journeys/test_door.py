"""The door, on two small phones without JavaScript: tick in, the other phone is told since when, undo, and a walk-in in cash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from app import clock as app_clock
from app.rules.statuses import Role
from tests.support.browser import aside, axe_check, click_through, fits, opened
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.web.desk import book

pytestmark = pytest.mark.browser
DOOR = "/admin/sessions/badminton/door"
NAMES = ("Aroha Ngata", "Chloe Le Fevre-Montgomery", "Hemi Parata", "Mere Tūhoe", *(f"Person {x}" for x in "BCDEFGHIJKLMNO"))


@pytest.fixture(autouse=True)
def club(app: Flask) -> None:
    def fill() -> None:
        with app.app_context():
            make_user(email="desk@club.example", name="Dee", role=Role.DESK, password=PASSWORD)
            make_user(email="staff@club.example", name="Kiri", role=Role.STAFF, password=PASSWORD)
            starts_at = app_clock.now() + timedelta(minutes=30)
            session = make_club_session(slug="badminton", title="Social badminton", starts_at=starts_at, capacity=40)
            for number, name in enumerate(NAMES):
                book(session, name, count=3 if number == 1 else 1, email=f"p{number}@club.example")

    aside(fill)


def sign_in(page: Page, email: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/account/sign-in?next=/admin/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_through(page.get_by_role("button", name="Sign in"))
    click_through(page.get_by_role("button", name="Door: Social badminton"))


def looked_at(page: Page) -> None:
    axe_check(page)
    fits(page)
    for button in page.locator(".door__list .govuk-button").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 56 and box["width"] >= 90, "a thumb in the rain hits it"


def test_two_phones_at_the_door(page: Page, chromium: Browser, live_site: str) -> None:
    sign_in(page, "desk@club.example")
    looked_at(page)
    with opened(chromium, live_site) as other:
        sign_in(other, "staff@club.example")
        click_through(page.get_by_role("button", name="Tick in Chloe Le Fevre-Montgomery"))
        assert "3 of 20 in" in page.inner_text("main")
        looked_at(page)
        click_through(other.get_by_role("button", name="Tick in Chloe Le Fevre-Montgomery"))
        assert "Chloe Le Fevre-Montgomery: already in at " in other.inner_text("main")
        click_through(page.get_by_role("button", name="Undo: Chloe Le Fevre-Montgomery is not in"))
        assert "0 of 20 in" in page.inner_text("main")
        click_through(other.get_by_role("link", name="Add somebody without a booking"))
        looked_at(other)
        other.get_by_label("Name").fill("Wanda Walk")
        click_through(other.get_by_role("button", name="What to take"))
        looked_at(other)
        click_through(other.get_by_role("button", name="I have NZ$12.00: let them in"))
        assert "Wanda Walk is in." in other.inner_text("main") and "1 of 21 in" in other.inner_text("main")
    page.get_by_label("Name, e-mail or code").fill("mere")
    click_through(page.get_by_role("button", name="Find"))
    assert page.locator(".door__name").all_inner_texts() == ["Mere Tūhoe"]
    for path in (f"{DOOR}/sheet", f"{DOOR}/codes"):
        page.goto(path)
        axe_check(page)
        fits(page)


def test_the_sheet_is_printed_on_as_many_pages_as_it_needs_without_the_sites_menu(page: Any) -> None:
    sign_in(page, "desk@club.example")
    page.goto(f"{DOOR}/sheet")
    page.emulate_media(media="print")
    assert not page.locator(".site-header").is_visible() and not page.locator(".govuk-back-link").is_visible()
    assert page.locator(".sheet thead").first.evaluate("e => getComputedStyle(e).display") == "table-header-group"
    assert page.locator(".sheet tbody tr").first.evaluate("e => getComputedStyle(e).breakInside") == "avoid"
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
