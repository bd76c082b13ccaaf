"""From the list of sessions to a confirmed place, by every way that a payment can take. JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.models import ClubSession, Order, Registration
from tests.journeys.walk import ASKS_THE_BANK, CARD, DECLINED, Walk
from tests.support.factories import make_club_session
from tests.support.mail import SmtpServer
from tests.support.rows import count_of, the

pytestmark = pytest.mark.browser


def registered(session: ClubSession, places: int = 1) -> Order:
    """The record says what the page says: confirmed, paid, counted."""
    registration = the(Registration, club_session_id=session.id)
    assert (registration.status, registration.payment_status) == ("registered", "paid")
    assert the(ClubSession, id=session.id).places_taken == places
    return the(Order, id=registration.order_id, status="paid")


def test_visitor_registers_pays_and_has_a_confirmed_place(
    walk: Walk, stripe: Any, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    session = make_club_session(title="Social badminton")
    walk.open("/")
    walk.look("list of sessions")
    walk.follow("Social badminton")
    assert walk.h1 == "Social badminton"
    walk.look("session page")
    walk.follow("Register")
    assert walk.h1 == "Register"
    walk.look("form")
    walk.press("Continue")
    assert walk.page.title().startswith("Error: ")
    walk.look("form with errors")
    walk.fill(name="Ana Petrova", email="Ana@Example.org", places="2")
    walk.press("Continue")
    assert (walk.h1, walk.fact("Total"), walk.fact("E-mail")) == ("Check your booking", "NZ$24.00", "ana@example.org")
    assert "We keep your places for 30 minutes while you pay." in walk.text
    walk.look("check page")
    assert walk.press("Pay NZ$24.00") == 200
    assert walk.page.url == stripe.checkout()["url"]
    walk.look("Stripe's payment page")
    assert walk.page.locator("[name=email]").input_value() == "ana@example.org"
    assert walk.pay_with(CARD, words="Pay NZ$24.00") == 200
    order = registered(session, places=2)
    assert (walk.h1, walk.path) == ("You are registered", f"/orders/{order.token}")
    walk.look("order page, registered")
    assert smtp_server.messages == [], "mail is sent by the worker"

    stripe.deliver()
    work()
    [mail] = smtp_server.to("ana@example.org")
    plain = mail.get_body(("plain",))
    assert plain is not None and f"{walk.page.url.partition('?')[0]}" in plain.get_content()
    [attachment] = mail.iter_attachments()
    assert attachment.get_content_type() == "text/calendar"
    assert "Social badminton" in str(attachment.get_content())

    walk.page.reload()
    assert walk.h1 == "You are registered"
    walk.page.emulate_media(media="print")
    assert not walk.page.get_by_text("Add it to your calendar").is_visible(), "a printed ticket has no links to press"


def test_change_goes_back_to_the_form_with_everything_kept(walk: Walk) -> None:
    session = make_club_session()
    walk.ask(session.slug, places="3")
    assert walk.press("Change") == 200
    kept = {name: walk.page.locator(f"[name={name}]").input_value() for name in ("name", "email", "places")}
    assert kept == {"name": "Ana Petrova", "email": "ana@example.org", "places": "3"}
    walk.fill(places="1")
    walk.press("Continue")
    assert walk.fact("Total") == "NZ$12.00"
    assert count_of(Order) == 0, "nothing is kept before the button that pays"


def test_declined_card_is_told_and_another_one_pays(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    assert walk.pay_with(DECLINED) == 402
    assert "Your card was declined." in walk.text
    walk.look("Stripe's payment page, declined")
    stripe.deliver()
    assert the(Registration, club_session_id=session.id).status == "held"
    assert walk.pay_with(CARD) == 200
    assert walk.h1 == "You are registered"
    stripe.deliver()
    registered(session)


def test_bank_is_asked_and_says_no_then_yes(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    walk.pay_with(ASKS_THE_BANK)
    assert walk.h1 == "Confirm the payment with your bank"
    walk.look("Stripe's 3-D Secure page")
    assert walk.press("Fail") == 402
    walk.pay_with(ASKS_THE_BANK)
    walk.press("Complete")
    assert walk.h1 == "You are registered"
    registered(session)


def test_cancelled_payment_is_resumed_and_paid(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    checkout = walk.page.url
    walk.follow("Cancel and go back")
    assert walk.h1 == "You have not paid yet"
    assert "Kept for you until" in walk.text
    walk.look("back without paying")
    token = walk.path.split("/")[2]
    walk.open(f"/orders/{token}")
    assert walk.h1 == "Pay to keep your place"
    walk.look("order page, to pay")
    walk.press("Pay NZ$12.00")
    assert walk.page.url == checkout, "the same checkout, not a second one"
    assert len(stripe.control.sessions()) == 1
    walk.pay_with(CARD)
    assert walk.h1 == "You are registered"
    registered(session)


def test_coming_back_by_the_form_leads_to_the_same_checkout(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    checkout = walk.page.url
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    assert (walk.page.url, len(stripe.control.sessions()), the(ClubSession, id=session.id).places_taken) == (checkout, 1, 1)


def test_place_that_is_given_up_is_back_on_the_session_page(walk: Walk, stripe: Any) -> None:
    session = make_club_session(capacity=1)
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    checkout = walk.page.url
    walk.open(f"/sessions/{session.slug}")
    assert "Full" in walk.text
    walk.look("session page, full")
    walk.open(checkout)
    walk.follow("Cancel and go back")
    walk.page.get_by_text("Give up my place", exact=True).click()
    walk.press("Yes, give up my place")
    assert walk.h1 == "Cancelled"
    assert "You were not charged." in walk.text
    walk.look("order page, given up")
    walk.follow("See whether there is a place again")
    assert "1 place left" in walk.text
    walk.open(checkout)
    assert walk.h1 == "This payment page has timed out", "nobody can pay for a place that is free again"


def test_return_page_checks_while_stripe_has_no_payment(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    order = the(Order)
    assert walk.open(f"/orders/{order.token}/success?session_id={stripe.checkout()['id']}") == 402
    assert walk.h1 == "We are checking your payment"
    walk.look("back from Stripe, unpaid")
    assert walk.open(f"/orders/{order.token}/success?session_id=cs_test_unknown") == 400
    walk.look("back from Stripe, unknown payment")
    assert the(Registration, club_session_id=session.id).status == "held"
