"""Becoming a member in a real browser: as somebody new, signed in, again when the end is near, and while booking a place.

JavaScript is off.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.models import Membership, Order, Registration, User
from tests.journeys.walk import CARD, Walk
from tests.support.browser import click_through
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_club_session, make_membership, make_plan, make_user
from tests.support.mail import SmtpServer
from tests.support.rows import all_of, count_of, the

pytestmark = pytest.mark.browser


@pytest.fixture
def settings(settings: Any) -> Any:
    """University addresses are students'."""
    return settings.with_(student_domains=("uni.example",))


def sign_in(walk: Walk, person: User) -> None:
    walk.open("/account/sign-in")
    walk.fill(email=person.email, password=PASSWORD)
    walk.press("Sign in")


def letter(smtp_server: SmtpServer, address: str) -> str:
    """What the only mail to this address says, as plain text."""
    [mail] = smtp_server.to(address)
    plain = mail.get_body(("plain",))
    assert plain is not None
    return str(plain.get_content())


def test_somebody_new_joins_pays_and_chooses_a_password(
    walk: Walk, stripe: Any, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    make_plan(name="Club membership", price_cents=1500, student_price_cents=1200, description="Member prices all year.")
    walk.open("/")
    walk.follow("Membership")
    walk.look("membership")
    walk.follow("Join: Club membership")
    walk.press("Continue")
    assert walk.page.title().startswith("Error: ")
    walk.look("joining, with errors")
    walk.fill(name="Ana Petrova", email="Ana@Uni.Example")
    walk.press("Continue")
    assert (walk.h1, walk.fact("Total")) == ("Check your membership", "NZ$12.00 Student price, you save NZ$3.00")
    walk.look("check page of a membership")
    walk.press("Pay NZ$12.00")
    assert walk.page.url == stripe.checkout()["url"] and count_of(User) == 0
    assert walk.pay_with(CARD, words="Pay NZ$12.00") == 200
    assert (walk.h1, walk.fact("To")) == ("You are a member", "2 March 2027")
    walk.look("order page, a member")
    stripe.deliver()
    work()
    link = re.search(r"http\S+/account/new-password/\S+", letter(smtp_server, "ana@uni.example"))
    assert link is not None and the(Membership).user_id == the(User).id
    assert walk.open(link.group()) == 200
    walk.page.locator("input[type=password]").first.fill("a long enough password")
    click_through(walk.page.locator("main form button[type=submit]").first)
    assert the(User).password_hash is not None


def test_who_does_not_pay_leaves_nothing_behind(walk: Walk, stripe: Any, clock: FakeClock, work: Callable[[], None]) -> None:
    plan = make_plan()
    walk.open(f"/membership/{plan.slug}/join")
    walk.fill(name="Ana Petrova", email="ana@example.org")
    walk.press("Continue")
    walk.press("Pay NZ$60.00")
    walk.open(f"/orders/{the(Order).token}/cancelled")
    assert walk.h1 == "You have not paid yet"
    walk.look("back from Stripe without a membership")
    walk.page.get_by_text("Cancel this order").click()
    walk.press("Yes, cancel it")
    assert walk.h1 == "Cancelled" and (count_of(User), count_of(Membership)) == (0, 0)
    walk.look("order page, no member")


def test_signed_in_person_joins_and_is_a_member_at_once(walk: Walk, stripe: Any) -> None:
    plan = make_plan(name="Club membership", price_cents=1500)
    session, person = make_club_session(), make_user(password=PASSWORD, name="Ana Petrova")
    sign_in(walk, person)
    walk.open("/membership")
    walk.follow("Join: Club membership")
    assert walk.fact("To") == "2 March 2027"
    walk.look("check page, signed in")
    walk.press("Pay NZ$15.00")
    assert walk.pay_with(CARD, words="Pay NZ$15.00") == 200
    assert walk.h1 == "You are a member"
    walk.open(f"/sessions/{session.slug}")
    assert "Member price, you save NZ$4.00" in walk.text
    walk.open("/membership")
    assert "You are a member until 2 March 2027." in walk.text
    assert "You can renew it when its end is near" in walk.text and "Renew: Club membership" not in walk.text
    walk.look("membership of a member")
    walk.open(f"/membership/{plan.slug}/join")  # by a bookmark
    assert walk.h1 == "Your membership runs to 2 March 2027 already"
    walk.look("the same span twice")


def test_member_renews_from_the_end_of_the_current_membership(
    walk: Walk, stripe: Any, clock: FakeClock, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    make_plan(name="Club membership", price_cents=1500)
    person = make_user(password=PASSWORD)
    ends = make_membership(person, ends_on=clock.now.date() + timedelta(days=20)).ends_on
    work()
    link = re.search(r"http\S+/membership\b", letter(smtp_server, person.email))
    assert link is not None
    sign_in(walk, person)
    walk.open(link.group())
    walk.follow("Renew: Club membership")
    assert walk.fact("From") == f"{(ends + timedelta(days=1)).day} March 2026"
    walk.press("Pay NZ$15.00")
    assert walk.pay_with(CARD, words="Pay NZ$15.00") == 200
    assert [span.starts_on for span in all_of(Membership)][1] == ends + timedelta(days=1)


def test_visitor_joins_and_books_in_one_checkout(
    walk: Walk, stripe: Any, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    plan, session = make_plan(name="Club membership", price_cents=1500), make_club_session(title="Social badminton")
    walk.open(f"/sessions/{session.slug}")
    assert "Members save NZ$4.00. You can join while you book." in walk.text
    walk.look("session page that says what joining saves")
    walk.follow("Register")
    walk.look("form that offers joining")
    walk.fill(name="Ana Petrova", email="ana@example.org", places="2")
    walk.page.locator(f"[name=join_plan][value={plan.slug}]").check()
    walk.press("Continue")
    assert walk.fact("Your place") == "NZ$8.00 Member price, you save NZ$4.00"
    assert walk.fact("Your guests") == "1 × NZ$12.00"
    assert walk.fact("Membership") == "Club membership, 12 months: NZ$15.00"
    assert walk.fact("Total") == "NZ$35.00"
    walk.look("check page with a membership")
    walk.press("Change")
    assert walk.page.locator(f"[name=join_plan][value={plan.slug}]").is_checked()
    walk.press("Continue")
    walk.press("Pay NZ$35.00")
    assert walk.pay_with(CARD, words="Pay NZ$35.00") == 200
    assert walk.h1 == "You are registered" and "Member price, you save NZ$4.00" in walk.text
    walk.look("order page with a place and a membership")
    stripe.deliver()
    work()
    text = letter(smtp_server, "ana@example.org")
    assert "Social badminton" in text and "Club membership" in text and "/account/new-password/" in text
    assert (the(Registration).status, the(Membership).user_id) == ("registered", the(User).id)
