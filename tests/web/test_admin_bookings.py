"""What staff change about bookings, as pages: typed, checked with the exact amount and who is told, done, and said so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock, jobs
from app.models import BookingNote, ClubSession, Order, Payment, Registration
from app.rules.statuses import RegistrationStatus, Role
from app.services import questions
from tests.support.booking import begin, order_of
from tests.support.factories import make_club_session
from tests.support.pages import Page, PageClient
from tests.support.parts import booking, leave
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in
from tests.web.test_admin_actions import facts
from tests.web.test_questions import DIET, RULES, SHOES

WHY = "Rang up"
pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


@pytest.fixture
def session(app: Flask, stripe_simulator: Any) -> ClubSession:
    return make_club_session(slug="badminton", title="Badminton", capacity=2, waitlist_capacity=5)


def add(pages: PageClient, **typed: Any) -> Page:
    """Up to the check page of adding somebody."""
    pages.get("/admin/sessions/badminton")
    pages.click("Add a booking")
    return pages.submit("/add", button="Continue", **{"name": "Hemi Kara", "reason": WHY, **typed})


def do(pages: PageClient, where: str, button: str, **typed: Any) -> Page:
    page = pages.submit(where, button=button, **typed)
    assert page.redirects[0][0] == 303, page.text
    return page


def test_a_booking_paid_in_cash_is_checked_and_added(pages: PageClient, session: ClubSession) -> None:
    page = add(pages, email="hemi@club.example", places="2")
    shown = facts(page)
    assert page.h1 == "Check this booking" and count_of(Registration) == 0
    assert (shown["Price"], shown["Paid"]) == ("NZ$24.00, the session’s own", "NZ$24.00 in cash, now")
    assert "hemi@club.example" in shown["Who is told"]
    page = do(pages, "/add", "Add this booking")
    assert page.h1 == "Hemi Kara" and "Hemi Kara is registered." in page.text and "Added by the committee" in page.text
    assert the(Payment).provider == "cash" and the(Registration).amount_paid_cents == 2400


def test_past_capacity_only_by_the_tick_that_says_by_how_many(pages: PageClient, session: ClubSession) -> None:
    page = add(pages, places="3")
    assert "Overbook by 1: 3 taken of 2 places" in page.text and facts(page)["Who is told"] == "Nobody: there is no address"
    page = pages.submit("/add", button="Add this booking")
    assert page.status == 409 and count_of(Registration) == 0
    pages.submit("/add", button="Continue")
    do(pages, "/add", "Add this booking", overbook_to=True)
    assert the(ClubSession).overbooked == 1
    assert "None: no mail is sent" in pages.get(f"/admin/registrations/{the(Registration).token}").text


def test_a_link_is_mailed_and_its_place_kept(pages: PageClient, session: ClubSession) -> None:
    page = add(pages, how="link")
    assert page.status == 422 and {"Enter the last day to pay, today or later"} <= set(page.errors)
    day = (clock.now() + timedelta(days=2)).date().isoformat()
    page = pages.submit("/add", button="Continue", email="hemi@club.example", pay_by=day)
    assert "By a link in the mail, until" in facts(page)["Paid"]
    page = do(pages, "/add", "Add and keep the place")
    assert "the link goes to hemi@club.example" in page.text and the(Registration).status == "held"
    page = pages.click("Take payment by hand")
    page = pages.submit("/payment", button="Continue", how="bank", reason=WHY)
    assert facts(page)["Amount"] == "NZ$12.00"
    page = do(pages, "/payment", "Book NZ$12.00")
    assert "NZ$12.00 is booked." in page.text and the(Payment).provider == "bank"


@pytest.fixture
def paid(session: ClubSession, stripe_simulator: Any) -> str:
    order = begin(session, name="Aroha Ngata", email="aroha@club.example")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    jobs.run_due()
    return the(Registration, order_id=order_of(order).id).token


def test_a_booking_is_moved_and_the_difference_given_back(pages: PageClient, paid: str) -> None:
    make_club_session(slug="squash", title="Squash", non_member_price_cents=700)
    pages.get(f"/admin/registrations/{paid}")
    pages.click("Move to another session")
    page = pages.submit("/move", button="Continue", to="squash", reason=WHY)
    shown = facts(page)
    assert (shown["Difference in price"], shown["Settled"]) == ("NZ$5.00 less", "NZ$5.00 goes back the way it came")
    page = do(pages, "/move", "Move this booking")
    assert "The booking is moved. NZ$5.00 goes back." in page.text and "Squash" in facts(page)["Session"]


def test_the_last_day_to_pay_ends_by_the_clock_of_the_session(pages: PageClient, paid: str) -> None:
    make_club_session(slug="rowing", title="Rowing", time_zone="Australia/Perth", non_member_price_cents=1500)
    day = (clock.now() + timedelta(days=2)).date().isoformat()
    pages.get("/admin/sessions/rowing/add")
    typed = {"name": "Hemi Kara", "email": "hemi@club.example", "how": "link", "reason": WHY, "pay_by": day}
    added = pages.submit("/add", button="Continue", **typed)
    pages.get(f"/admin/registrations/{paid}/move")
    moved = pages.submit("/move", button="Continue", to="rowing", reason=WHY, pay_by=day)
    for said in (facts(added)["Paid"], facts(moved)["Settled"]):
        assert "12:00 am (" in " ".join(said.split()), "midnight there, and which clock that is"


def test_places_are_added_by_a_link_that_can_be_taken_back(pages: PageClient, paid: str) -> None:
    pages.get(f"/admin/registrations/{paid}")
    pages.click("Change places")
    day = (clock.now() + timedelta(days=2)).date().isoformat()
    page = pages.submit("/places", button="Continue", places="2", reason=WHY)
    assert page.status == 422 and set(page.errors) == {"Enter the last day to pay, today or later"}, "before the check, not after"
    page = pages.submit("/places", button="Continue", pay_by=day)
    assert facts(page)["Difference in price"] == "NZ$12.00 more"
    page = do(pages, "/places", "Change places")
    assert facts(page)["Still owed"].startswith("NZ$12.00, a link is out until")
    link = pages.get(f"/orders/{all_of(Order)[-1].token}")
    assert link.h1 == "Pay the difference"
    pages.get(f"/admin/registrations/{paid}")
    page = do(pages, "/owed/withdraw", "Take the link")
    assert the(Registration).places == 1 and "Added places gone" in page.text


def test_who_waits_is_served_out_of_turn_by_name(pages: PageClient, session: ClubSession) -> None:
    for name in ("Ani Moana", "Ben Rua"):
        book(session, name, count=1, paid_cents=1200)
    book(session, "First Inline", RegistrationStatus.WAITLISTED)
    book(session, "Second Inline", RegistrationStatus.WAITLISTED)
    token = the(Registration, name="Second Inline").token
    pages.get(f"/admin/registrations/{token}")
    page = pages.click("Give a place out of turn")
    assert "Passed over: First Inline" in page.text
    page = pages.submit("/place", button="Continue", reason=WHY)
    page = do(pages, "/place", "Give the place", overbook_to=True)
    assert "Second Inline has a place." in page.text and the(Registration, token=token).status == "registered"


def test_contact_and_notes(pages: PageClient, paid: str) -> None:
    pages.get(f"/admin/registrations/{paid}")
    page = do(pages, "/note", "Keep this note", reason="Brings a guide dog")
    assert "Brings a guide dog" in page.text
    pages.click("Change name or address")
    page = pages.submit("/contact", button="Continue", email="aroha@new.example", reason=WHY)
    assert facts(page)["Its link"] == "a new one: the old one no longer works"
    page = do(pages, "/contact", "Save name and address")
    row = the(Registration)
    assert row.email == "aroha@new.example" and page.path == f"/admin/registrations/{row.token}" and row.token != paid


@pytest.mark.parametrize("typed", ["Rang about the car park. " * 81, ""])
def test_a_note_that_cannot_be_kept_is_not_lost(pages: PageClient, paid: str, typed: str) -> None:
    pages.get(f"/admin/registrations/{paid}")
    page = pages.submit("/note", reason=typed)
    assert page.status == 422 and page.errors == ["Enter a note of 2000 characters or fewer"]
    assert page.form("/note")["reason"] == typed.strip() and count_of(BookingNote) == 0
    assert "car park" in do(pages, "/note", "Keep this note", reason="Rang about the car park.").text


def test_the_check_names_what_goes_along_and_what_is_paid_with_it(
    pages: PageClient, session: ClubSession, stripe_simulator: Any
) -> None:
    chess = make_club_session(title="Chess", non_member_price_cents=900)
    order = leave(session, chess)
    mine = f"/admin/registrations/{booking(order, session).token}"
    page = pages.get(f"{mine}/payment")
    assert "has NZ$21.00 to pay" in page.text and "That is for the whole order, with Chess." in page.text
    page = pages.submit("/payment", button="Continue", reason=WHY)
    assert facts(page)["Pays for"] == "Badminton, Chess" and facts(page)["Amount"] == "NZ$21.00"
    do(pages, "/payment", "Book NZ$21.00")
    assert [one.status for one in all_of(Registration)] == ["registered", "registered"]
    pages.get(f"{mine}/contact")
    page = pages.submit("/contact", button="Continue", email="new@club.example", reason=WHY)
    assert facts(page)["Goes along"] == "Chess: one order has one address"
    do(pages, "/contact", "Save name and address")
    assert [one.email for one in all_of(Registration)] == ["new@club.example"] * 2


def test_from_the_door_to_taking_payment_and_back(pages: PageClient, session: ClubSession) -> None:
    begin(session, email="ana@club.example")
    pages.get("/admin/sessions/badminton/door?show=unpaid")
    page = pages.click("Take payment of Ana Lee")
    assert page.h1 == "Take payment by hand" and "Back to the door" in page.links
    pages.submit("/payment", button="Continue", reason="At the door", how="cash")
    page = do(pages, "/payment", "Book NZ$12.00")
    assert page.path == "/admin/sessions/badminton/door" and "NZ$12.00 is booked." in page.text
    page = pages.submit(1)
    assert "Ana Lee is in." in page.text and "Not paid: NZ$" not in page.text


def test_a_walk_in_is_given_an_address_afterwards(pages: PageClient, session: ClubSession) -> None:
    add(pages)
    do(pages, "/add", "Add this booking")
    pages.click("Change name or address")
    page = pages.submit("/contact", button="Continue", name="Hemi Karaka", reason=WHY)
    assert facts(page)["E-mail"] == "None" and facts(page)["Its link"] == "stays as it is"
    do(pages, "/contact", "Save name and address")
    assert the(Registration).name == "Hemi Karaka"
    pages.click("Change name or address")
    pages.submit("/contact", button="Continue", email="hemi@club.example", reason=WHY)
    do(pages, "/contact", "Save name and address")
    assert the(Registration).email == "hemi@club.example"


def test_desk_only_sees(pages: PageClient, paid: str) -> None:
    sign_in(pages, Role.DESK)
    for what in ("payment", "move", "places", "place", "contact", "owed", "answers"):
        assert pages.get(f"/admin/registrations/{paid}/{what}").status == 403
    assert pages.get("/admin/sessions/badminton/add").status == 403


def test_second_click_on_a_new_address_leads_to_the_booking(pages: PageClient, paid: str) -> None:
    pages.get(f"/admin/registrations/{paid}/contact")
    page = pages.submit("/contact", button="Continue", email="aroha@new.example", reason=WHY)
    sent = {**page.form("/contact").values, "step": "do"}
    do(pages, "/contact", "Save name and address")
    page = pages.post(f"/admin/registrations/{paid}/contact", sent)
    row = the(Registration)
    assert page.path == f"/admin/registrations/{row.token}" and "Nothing was done twice." in page.text
    assert pages.post(f"/admin/registrations/{paid}/contact", {**sent, "once": "o" * 20}).status == 404


def test_staff_fill_in_what_the_session_asks_and_mend_it_later(pages: PageClient, session: ClubSession) -> None:
    for number, fields in enumerate((SHOES, RULES, DIET), start=1):
        questions.add("badminton", f"question{number}", fields, "user:7")
    page = add(pages, answer_question3="Brings two\nrackets")
    assert facts(page)["Anything we should know?"] == "Brings two rackets" and facts(page)["I know the rules of the wall"] == "No"
    page = do(pages, "/add", "Add this booking")
    assert "Answers I know the rules of the wall No Anything we should know? Brings two rackets" in page.text
    assert "question1" not in the(Registration).answers, "what people must answer, staff may leave open"
    questions.remove("badminton", "question3", "user:7")
    pages.click("Change answers")
    page = pages.submit("/answers", button="Continue", answer_question1="39", answer_question2=True, reason=WHY)
    assert facts(page)["Shoe size"] == "39" and facts(page)["I know the rules of the wall"] == "Yes"
    page = do(pages, "/answers", "Keep these answers")
    assert "Shoe size 39 I know the rules of the wall Yes" in page.text and "Answers changed" in page.text
    assert the(Registration).answers["question3"]["answer"] == "Brings two\nrackets", "answers to what is asked no more stay"
    questions.edit("badminton", "question1", replace(SHOES, choices=("40", "41")), "user:7")
    pages.click("Change answers")
    assert pages.page is not None and pages.page.form("/answers")["answer_question1"] == "39"


def test_session_that_asks_nothing_leads_nowhere(pages: PageClient, paid: str) -> None:
    assert "Change answers" not in pages.get(f"/admin/registrations/{paid}").text
