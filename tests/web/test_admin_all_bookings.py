"""Every booking of every session in one list: searched, filtered and sorted by links, in a fixed number of statements."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.queries import desk
from app.rules.statuses import RegistrationStatus, Role
from tests.support.contract import text_of
from tests.support.factories import make_club_session
from tests.support.pages import Page, PageClient
from tests.web.desk import book, sign_in

pytestmark = pytest.mark.databases("sqlite")


def names(page: Page) -> list[str]:
    """Who is in the list, from the top."""
    rows = [th for th in page.tree.all("th") if th.get("scope") == "row"]
    return [text_of(th).split(" ")[0] for th in rows]


@pytest.fixture
def booked(app: Flask, pages: PageClient) -> None:
    badminton, squash = make_club_session(title="Badminton", waitlist_capacity=9), make_club_session(title="Squash")
    book(badminton, "Cara Tane", paid_cents=1200, checkout_id="cs_test_cara")
    book(squash, "ana Moe")
    book(badminton, "Ben Rua", RegistrationStatus.WAITLISTED)
    sign_in(pages, Role.STAFF)


def test_all_bookings_are_found_sorted_and_filtered_by_links(pages: PageClient, booked: None) -> None:
    page = pages.get("/admin")
    page = pages.click("Bookings")
    assert page.h1 == "Bookings" and names(page) == ["Ben", "ana", "Cara"]
    assert names(pages.click("Name")) == ["ana", "Ben", "Cara"]
    assert names(pages.click("Status")) == ["Cara", "ana", "Ben"]
    assert names(pages.get("/admin/registrations?q=squash")) == [], "a session is not a person"
    page = pages.get("/admin/registrations?q=rua&sort=name")
    assert names(page) == ["Ben"] and pages.click("Ben Rua").path.startswith("/admin/registrations/")
    assert names(pages.get("/admin/registrations?status=waitlisted&sort=nonsense")) == ["Ben"]


def test_a_sessions_own_list_sorts_by_the_same_links(pages: PageClient, booked: None) -> None:
    pages.get("/admin/sessions")
    pages.click("Badminton")
    assert names(pages.click("Name")) == ["Ben", "Cara"]
    page = pages.click("Booked")
    assert names(page) == ["Ben", "Cara"] and 'aria-sort="descending"' in page.html
    assert names(pages.click("Booked")) == ["Cara", "Ben"]


def test_desk_sees_the_list_without_links_to_money(pages: PageClient, booked: None) -> None:
    sign_in(pages, Role.DESK)
    page = pages.get("/admin/registrations")
    assert names(page) and not any("/admin/registrations/" in to for to in page.links.values())


def test_hundreds_of_bookings_take_the_statements_of_three(pages: PageClient, booked: None, statements: Any) -> None:
    def cost() -> int:
        with statements() as seen:
            assert pages.get("/admin/registrations?sort=name").status == 200
        return len(seen)

    before = cost()
    big = make_club_session(capacity=2000, title="Big")
    for number in range(200):
        book(big, f"Guest{number} Many", email=f"g{number}@club.example", paid_cents=1200 if number % 3 else 0)
    assert cost() == before <= 8


def test_a_list_longer_than_anybody_pages_through_is_counted_no_further(
    pages: PageClient, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    session = make_club_session(capacity=200)
    for number in range(130):
        book(session, f"P{number:03} Rua")
    sign_in(pages, Role.STAFF)
    assert "130 bookings · 1 to 50" in pages.get("/admin/registrations").text
    monkeypatch.setattr(desk, "COUNTED", 100)
    page = pages.get("/admin/registrations?page=9&sort=name")
    assert "More than 100 bookings · 51 to 100" in page.text and names(page)[0] == "P050" and len(names(page)) == 50
    assert names(pages.get("/admin/registrations?page=9&sort=oldest"))[-1] == "P099"
    assert names(pages.get("/admin/registrations?q=p129")) == ["P129"], "what lies behind is found"
    monkeypatch.setattr(desk, "COUNTED", 130)
    assert "130 bookings · 101 to 130" in pages.get("/admin/registrations?page=9").text
