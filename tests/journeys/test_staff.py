"""The committee makes a session, a guest books it, and the desk sees who came, what Stripe said and what was mailed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.models import ClubSession
from app.rules.statuses import Role
from tests.journeys.walk import CARD, Walk
from tests.support.browser import opened
from tests.support.factories import PASSWORD, make_user
from tests.support.mail import SmtpServer
from tests.support.rows import the

pytestmark = pytest.mark.browser


def test_staff_make_a_session_and_see_it_booked_paid_and_mailed(
    walk: Walk, chromium: Browser, live_site: str, stripe: Any, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    make_user(email="kiri@example.org", name="Kiri", role=Role.STAFF, password=PASSWORD)
    assert walk.open("/admin/sessions") == 200
    assert walk.h1 == "Sign in", "the desk is behind a password"
    walk.fill(email="kiri@example.org", password=PASSWORD)
    walk.press("Sign in")
    assert (walk.h1, walk.path) == ("Sessions", "/admin/sessions")
    walk.look("desk, sessions, none")

    walk.follow("New session")
    walk.fill(title="Winter quiz", starts_day="2026-03-20", starts_time="19:00", ends_time="21:30")
    walk.fill(location="The Old Hall", capacity="8", non_member_price="12.00")
    walk.page.get_by_label("Everybody: it is published").check()
    walk.look("desk, new session")
    assert walk.press("Save") == 200
    assert walk.h1 == "Winter quiz"
    walk.look("desk, session without registrations")
    session = the(ClubSession)

    with opened(chromium, live_site) as page:
        guest = Walk(page)
        guest.open("/")
        guest.follow("Winter quiz")
        guest.ask(session.slug)
        guest.press("Pay NZ$12.00")
        guest.pay_with(CARD)
        assert guest.h1 == "You are registered"
        assert guest.open("/admin/sessions") == 200
        assert guest.h1 == "Sign in"
    stripe.deliver()
    smtp_server.answer_with("550 No such mailbox here")
    work()

    walk.page.reload()
    row = walk.page.get_by_role("row").filter(has_text="ana@example.org")
    words = " ".join(row.inner_text().split())
    for expected in ("Ana Petrova", "Registered", "Paid NZ$12.00", stripe.checkout()["id"]):
        assert expected in words
    walk.look("desk, session with a registration")
    walk.follow("Inbox")
    assert "checkout.session.completed" in walk.text
    walk.look("desk, inbox")
    walk.follow("Outbox")
    assert "ana@example.org" in walk.text
    assert "550" in walk.text, "the error is there for the desk to see"
    walk.look("desk, outbox with a failed mail")
    assert walk.press("Try again to write to ana@example.org") == 200
    work()
    assert len(smtp_server.to("ana@example.org")) == 1
    walk.press("Sign out")
    walk.open("/admin/sessions")
    assert walk.h1 == "Sign in"
