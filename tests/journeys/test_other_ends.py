"""What happens besides paying: free, full, too late for the last place, Stripe down, another price, a member. No JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from app.models import ClubSession, OutgoingEmail, Registration
from app.services import registrations
from app.transaction import transaction
from tests.journeys.walk import CARD, Walk
from tests.support.factories import (
    PASSWORD,
    make_club_session,
    make_free_club_session,
    make_membership,
    make_user,
)
from tests.support.mail import SmtpServer
from tests.support.rows import all_of, count_of, the

pytestmark = pytest.mark.browser


def fill_up(session: ClubSession) -> None:
    """Somebody else takes every place that is left."""
    left = session.capacity - session.places_taken
    applicant = registrations.Applicant("Somebody", "somebody@example.org", left, session.non_member_price_cents or 0, "other")
    registrations.register(session.slug, applicant)


def set_price(session: ClubSession, cents: int) -> None:
    """The committee changes the price."""
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == session.id).values(non_member_price_cents=cents))


def test_free_place_is_had_at_once_without_stripe(
    walk: Walk, stripe: Any, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    session = make_free_club_session(title="Open day")
    walk.ask(session.slug)
    assert walk.fact("Total") == "Free"
    walk.look("check page, free")
    walk.press("Register")
    assert walk.h1 == "You are registered"
    walk.look("order page, free")
    assert stripe.control.sessions() == []
    work()
    [mail] = smtp_server.to("ana@example.org")
    assert "Open day" in str(mail["Subject"])


def test_full_session_says_what_next(walk: Walk) -> None:
    session = make_club_session(capacity=2)
    fill_up(session)
    walk.open("/")
    assert "Full" in walk.text
    walk.look("list with a full session")
    assert walk.open(f"/sessions/{session.slug}/register") == 409
    assert walk.h1 == "This session is full"
    assert "Nothing was booked and nothing was charged." in walk.text
    walk.look("full")
    walk.follow("See the other sessions")
    assert walk.h1 == "Sessions"


def test_last_place_that_goes_while_the_form_is_filled_in(walk: Walk, stripe: Any) -> None:
    session = make_club_session(capacity=1)
    walk.ask(session.slug)
    fill_up(session)
    assert walk.press("Pay NZ$12.00") == 409
    assert walk.h1 == "This session is full"
    assert stripe.control.sessions() == []
    assert walk.page.get_by_text("See the other sessions").is_visible()


def test_group_that_no_longer_fits_is_asked_for_a_smaller_number(walk: Walk, stripe: Any) -> None:
    session = make_club_session(capacity=4)
    walk.ask(session.slug, places="3")
    set_places = registrations.Applicant("Somebody", "somebody@example.org", 2, 1200, "other")
    registrations.register(session.slug, set_places)
    assert walk.press("Pay NZ$36.00") == 409
    assert "Places left: 2. Choose a smaller number." in walk.text
    assert walk.page.locator("[name=name]").input_value() == "Ana Petrova"
    walk.look("form, too many places")
    walk.fill(places="2")
    walk.press("Continue")
    assert walk.press("Pay NZ$24.00") == 200
    assert walk.page.url == stripe.checkout()["url"]


def test_full_session_with_a_waitlist_offers_it(walk: Walk, smtp_server: SmtpServer, work: Callable[[], None]) -> None:
    session = make_club_session(capacity=1, waitlist_capacity=3)
    fill_up(session)
    walk.open(f"/sessions/{session.slug}")
    walk.look("session page, waitlist")
    walk.follow("Join the waitlist")
    walk.look("form, waitlist")
    walk.fill(name="Ana Petrova", email="ana@example.org", places="1")
    walk.press("Continue")
    assert walk.h1 == "Check before you join the waitlist"
    walk.look("check page, waitlist")
    walk.press("Join the waitlist")
    assert walk.h1 == "You are on the waitlist"
    assert "You are number 1 in line." in walk.text
    walk.look("order page, waitlist")
    work()
    assert len(smtp_server.to("ana@example.org")) == 1


def test_stripe_down_keeps_nothing_but_what_was_typed_and_then_works(walk: Walk, stripe: Any) -> None:
    session = make_club_session(capacity=1)
    walk.ask(session.slug)
    stripe.control.fail("checkout.create", "500", times=10)
    assert walk.press("Pay NZ$12.00") == 503
    assert walk.page.title().startswith("Error: ")
    assert "We cannot take payments right now." in walk.text
    assert "Nothing was charged and no place is kept." in walk.text
    walk.look("form, Stripe down")
    assert the(ClubSession, id=session.id).places_taken == 0
    assert the(Registration, club_session_id=session.id).status == "expired"
    assert walk.page.locator("[name=name]").input_value() == "Ana Petrova"
    assert walk.page.locator("[name=email]").input_value() == "ana@example.org"
    stripe.control.clear_faults()
    walk.press("Continue")
    assert walk.press("Pay NZ$12.00") == 200
    walk.pay_with(CARD)
    assert walk.h1 == "You are registered"


def test_price_that_changes_meanwhile_is_asked_again(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    set_price(session, 1500)
    assert walk.press("Pay NZ$12.00") == 409
    assert walk.h1 == "Check your booking"
    assert "It was NZ$12.00 for each place, now it is NZ$15.00." in walk.text
    walk.look("check page, price changed")
    assert count_of(Registration) == 0
    walk.press("Pay NZ$15.00")
    assert stripe.checkout()["amount_total"] == 1500


def test_member_sees_and_pays_the_member_price_when_signed_in(walk: Walk, stripe: Any) -> None:
    user = make_user(email="mere@example.org", name="Mere", password=PASSWORD)
    make_membership(user)
    session = make_club_session()
    walk.open("/account/sign-in")
    walk.look("sign in")
    walk.fill(email="mere@example.org", password="wrong")
    assert walk.press("Sign in") == 422
    walk.look("sign in, refused")
    walk.fill(email="mere@example.org", password=PASSWORD)
    walk.press("Sign in")
    walk.open(f"/sessions/{session.slug}")
    assert "Member price" in walk.text
    walk.look("session page, member")
    walk.ask(session.slug, name="Mere", email="mere@example.org")
    assert walk.fact("Total") == "NZ$8.00 Member price, you save NZ$4.00"
    walk.press("Pay NZ$8.00")
    walk.pay_with(CARD, words="Pay NZ$8.00")
    assert walk.h1 == "You are registered"
    registration = the(Registration, club_session_id=session.id)
    assert (registration.user_id, registration.amount_paid_cents, registration.is_member) == (user.id, 800, True)


def test_stranger_who_types_somebodys_address_learns_nothing(
    walk: Walk, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    session = make_free_club_session()
    taken = registrations.Applicant("Bo", "bo@example.org", 1, 0, "bo")
    token = registrations.register(session.slug, taken).order_token
    walk.ask(session.slug, name="Mallory", email="bo@example.org")
    walk.press("Register")
    assert walk.h1 == "Check your e-mail"
    walk.look("check your e-mail")
    assert token not in walk.page.content()
    work()
    letters = {mail.template for mail in all_of(OutgoingEmail)}
    assert letters == {"confirmation", "booking_link"}
    links = [part.get_content() for mail in smtp_server.to("bo@example.org") if (part := mail.get_body(("plain",)))]
    assert [f"/orders/{token}" in text for text in links] == [True, True], "only whoever reads that mailbox gets the link"


def test_page_that_is_not_there_and_pages_that_say_no(walk: Walk) -> None:
    assert walk.open("/sessions/never-was") == 404
    walk.look("not found")
    assert walk.open("/?show=past") == 200
    walk.look("past sessions, none")
    cancelled = make_club_session(status="cancelled")
    assert walk.open(f"/sessions/{cancelled.slug}") == 200
    walk.look("session page, cancelled")
