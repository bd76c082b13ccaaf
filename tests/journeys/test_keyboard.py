"""The whole way to Stripe with the keyboard alone, each stop visible. JavaScript is off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.walk import Walk
from tests.support.factories import make_club_session

pytestmark = pytest.mark.browser


def test_keyboard_alone_skips_to_the_form_fills_it_in_and_pays(walk: Walk, stripe: Any) -> None:
    session = make_club_session(title="Social badminton")
    keyboard = walk.page.keyboard
    walk.open("/")
    keyboard.press("Tab")
    assert walk.focused()["text"] == "Skip to the main content"
    assert walk.page.get_by_text("Skip to the main content").is_visible()
    keyboard.press("Enter")
    assert walk.page.url.endswith("#main")
    walk.tab_to(lambda stop: stop["text"] == "Social badminton", most=8)
    enter(walk)
    walk.tab_to(lambda stop: stop["text"] == "Register")
    enter(walk)
    assert walk.path == f"/sessions/{session.slug}/register"

    walk.tab_to(lambda stop: stop["name"] == "name")
    keyboard.type("Ana Petrova")
    walk.tab_to(lambda stop: stop["name"] == "email", most=1)
    keyboard.type("ana@example")
    walk.tab_to(lambda stop: stop["name"] == "places", most=1)
    keyboard.press("ArrowUp")
    enter(walk)
    assert walk.page.title().startswith("Error: ")
    walk.tab_to(lambda stop: stop["text"].startswith("Enter an e-mail address"))
    keyboard.press("Enter")
    assert walk.page.url.endswith("#email"), "the summary leads to its field"
    assert walk.focused()["name"] == "email"
    keyboard.press("Control+A")
    keyboard.type("ana@example.org")
    enter(walk)
    assert (walk.h1, walk.fact("Places")) == ("Check your booking", "2")
    walk.tab_to(lambda stop: stop["text"] == "Pay NZ$24.00")
    enter(walk)
    assert walk.page.url == stripe.checkout()["url"]


def enter(walk: Walk) -> None:
    """Press Enter and wait for the page that it leads to."""
    with walk.page.expect_navigation():
        walk.page.keyboard.press("Enter")
