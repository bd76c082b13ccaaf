"""A notice by WhatsApp, asked for with a booking and stopped again, in a real browser. JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.walk import CARD, Walk
from tests.support.factories import make_club_session

pytestmark = pytest.mark.browser


def test_guest_is_told_on_the_phone_and_stops_it(
    whatsapp_server: Any, walk: Walk, stripe: Any, work: Callable[[], None]
) -> None:
    make_club_session(title="Badminton", slug="badminton")
    walk.open("/sessions/badminton/register")
    walk.fill(name="Ana Petrova", email="ana@example.org", whatsapp_number="021 123 4567")
    walk.press("Continue")
    walk.look("booking form with a number and no consent")
    assert walk.page.title().startswith("Error: ") and "Tick the box to get notices by WhatsApp" in walk.text
    walk.page.locator("[name=whatsapp_agreed]").check()
    walk.press("Continue")
    walk.look("check page with a number")
    assert "+64 21 123 4567" in walk.text
    walk.press("Pay NZ$12.00")
    work()
    assert whatsapp_server.sent == [], "nobody is told of a place that is not paid for"
    assert walk.pay_with(CARD) == 200
    stripe.deliver()
    work()
    [(phone, template, filled)] = whatsapp_server.sent
    assert (phone, template) == ("64211234567", "muster_booking_confirmed")
    assert filled[:2] == ["Ana Petrova", "Badminton"]
    walk.page.reload()
    walk.look("order page with a number")
    assert "ends in 567" in walk.text and "1234567" not in walk.page.content()
    walk.press("Stop WhatsApp notices")
    walk.look("order page after notices are stopped")
    assert "WhatsApp" not in walk.text and walk.h1 == "You are registered"
