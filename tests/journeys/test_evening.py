"""A committee member's evening, JavaScript off: weekly sessions, a cancellation, the door on a phone with a walk-in in cash, a
refund, an export, and books that equal Stripe's when the day is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession
from app.rules.statuses import RegistrationStatus, Role
from tests.journeys.walk import Walk
from tests.support.booking import balances, begin
from tests.support.browser import aside, axe_check, click_through, fits
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_user
from tests.support.rows import all_of, the

pytestmark = pytest.mark.browser
PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}
WHY = "Asked by phone"


def test_a_committee_members_evening(
    walk: Walk, app: Flask, stripe: Any, clock: FakeClock, work: Callable[[], None]
) -> None:
    make_user(email="kiri@example.org", name="Kiri", role=Role.STAFF, password=PASSWORD)
    walk.open("/account/sign-in?next=/admin/sessions")
    walk.fill(email="kiri@example.org", password=PASSWORD)
    walk.press("Sign in")
    make_weekly_sessions(walk)
    tonight = min(all_of(ClubSession), key=lambda session: session.starts_at)
    for name in ("Aroha Ngata", "Ben Rua"):
        aside(lambda who=name: book_and_pay(app, stripe, tonight, who))
    work()

    cancel(walk, tonight, "Ben Rua")
    clock.set(tonight.starts_at - timedelta(minutes=10))
    at_the_door(walk)
    give_back_a_part(walk, tonight, "Aroha Ngata")
    work()
    stripe.deliver()

    clock.set(tonight.ends_at + timedelta(minutes=5))
    assert "Wanda Walk" in exported(walk, tonight)
    close_the_books(walk, tonight, work)
    books = balances()
    assert books["stripe:clearing"] + books["fees:stripe"] == 700
    assert (books["cash:desk"], books["revenue:registration"]) == (1200, -1900)


def make_weekly_sessions(walk: Walk) -> None:
    """Tonight's session, published, and the same on the two Tuesdays after."""
    walk.follow("New session")
    walk.fill(title="Social badminton", starts_day="2026-03-03", starts_time="19:00", ends_time="21:00")
    walk.fill(location="The Old Hall", capacity="8", non_member_price="12.00")
    walk.page.get_by_label("Everybody: it is published").check()
    walk.press("Save")
    walk.follow("Repeat weekly")
    walk.fill(weeks="2")
    walk.page.get_by_label("Everybody: they are published").check()
    walk.press("See the dates")
    walk.press("Make 2 sessions")
    assert "2 sessions were made." in walk.text and [s.status for s in all_of(ClubSession)] == ["published"] * 3


def book_and_pay(app: Flask, stripe: Any, session: ClubSession, name: str) -> None:
    with app.app_context():
        begin(session, name=name, email=f"{name.split()[0].lower()}@example.org")
    stripe.pay()
    stripe.deliver()


def to_booking(walk: Walk, session: ClubSession, name: str) -> None:
    walk.page.set_viewport_size(DESK)
    walk.open(f"/admin/sessions/{session.slug}")
    walk.follow(name)
    assert walk.h1 == name


def cancel(walk: Walk, session: ClubSession, name: str) -> None:
    to_booking(walk, session, name)
    walk.follow("Cancel this booking")
    walk.fill(amount="12.00", reason=WHY)
    walk.press("Continue")
    walk.press("Cancel and refund NZ$12.00")
    assert walk.fact("Status") == "Cancelled" and walk.fact("Refunded").startswith("NZ$12.00")


def at_the_door(walk: Walk) -> None:
    """On a phone: the menu takes two rows, one thumb ticks in, and a walk-in pays in cash."""
    walk.page.set_viewport_size(PHONE)
    walk.open("/admin/")
    menu = walk.page.locator(".sub-nav--bar").bounding_box()
    assert menu is not None and menu["height"] <= 2 * 44 + 24, "one or two rows"
    walk.page.locator(".sub-nav__more summary").click()
    assert walk.page.get_by_role("link", name="Open cases").is_visible()
    axe_check(walk.page)
    fits(walk.page)
    click_through(walk.page.get_by_role("button", name="Door: Social badminton"))
    click_through(walk.page.get_by_role("button", name="Tick in Aroha Ngata"))
    assert "1 of 1 in" in walk.text
    walk.follow("Add somebody without a booking")
    walk.page.get_by_label("Name").fill("Wanda Walk")
    walk.press("What to take")
    walk.press("I have NZ$12.00: let them in")
    assert "Wanda Walk is in." in walk.text and "2 of 2 in" in walk.text
    fits(walk.page)


def give_back_a_part(walk: Walk, session: ClubSession, name: str) -> None:
    to_booking(walk, session, name)
    walk.follow("Refund")
    walk.fill(amount="5.00", reason=WHY)
    walk.press("Continue")
    walk.press("Refund NZ$5.00")
    assert walk.fact("Refunded") == "NZ$5.00, NZ$7.00 is left" and walk.fact("Status") == "Registered"


def exported(walk: Walk, session: ClubSession) -> str:
    """What the file says that holds who is registered."""
    walk.open(f"/admin/sessions/{session.slug}")
    walk.page.get_by_label("Show").select_option(RegistrationStatus.REGISTERED.value)
    walk.press("Search")
    with walk.page.expect_download() as saved:
        walk.button("CSV").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
    assert "Aroha Ngata" in text and "Ben Rua" not in text, "exactly what the filter shows"
    return text


def close_the_books(walk: Walk, session: ClubSession, work: Callable[[], None]) -> None:
    """The session is completed, and the books are compared with Stripe's."""
    walk.open(f"/admin/sessions/{session.slug}")
    walk.follow("Complete")
    walk.press("Complete the session")
    assert the(ClubSession, id=session.id).status == "completed"
    walk.open("/admin/money")
    walk.press("Compare now")
    work()
    walk.open("/admin/money")
    assert "Equal to Stripe" in walk.text and "No open cases." in walk.text and "Taken by hand NZ$12.00" in walk.text
