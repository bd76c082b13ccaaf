"""Applying in a browser, and the committee's page that reads, chooses, checks and decides."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.extensions import db
from app.models import AuditEntry, ClubSession, OutgoingEmail, Registration
from app.rules.statuses import Entry, Role
from app.transaction import transaction
from tests.support.applying import accept, apply, reserve, status
from tests.support.booking import mails, order_of, work
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import Page, PageClient
from tests.support.queries import recorded
from tests.support.rows import all_of, the
from tests.web.desk import sign_in
from tests.web.test_admin_actions import facts

DESK = "/admin/sessions/retreat/applications"


@pytest.fixture
def retreat(app: Flask, stripe_simulator: Any) -> ClubSession:
    return make_club_session(slug="retreat", title="Retreat", entry=Entry.APPLICATION, capacity=2)


def fill(pages: PageClient, name: str = "Aroha Ngata", email: str = "aroha@club.example") -> Page:
    pages.get("/sessions/retreat")
    pages.click("Apply")
    return pages.submit("/sessions/retreat/register/check", name=name, email=email, places="1")


def test_application_is_sent_after_a_check_and_asks_for_no_money(pages: PageClient, retreat: ClubSession) -> None:
    check = fill(pages)
    assert check.h1 == "Check your application" and "Send application" in check.text and "Nothing to pay now" in check.text
    assert "Stripe" not in check.text
    page = pages.submit("/sessions/retreat/register")
    assert page.h1 == "We have your application" and "Being considered" in page.text
    assert the(Registration).status == "under_review" and mails() == ["applied"]


def test_old_page_that_offered_a_place_asks_again(pages: PageClient, retreat: ClubSession) -> None:
    fill(pages)
    page = pages.submit("/sessions/retreat/register", asked="open")
    assert page.status == 409 and page.h1 == "This session takes applications, not registrations"
    assert all_of(Registration) == []


def test_program_that_sends_no_more_than_the_contract_applies(pages: PageClient, retreat: ClubSession) -> None:
    fill(pages)
    page = pages.submit("/sessions/retreat/register", asked="", expected_total_cents="")
    assert page.h1 == "We have your application"


def test_applicant_sees_where_they_stand_confirms_and_pays(pages: PageClient, retreat: ClubSession) -> None:
    order = apply(retreat)
    accept(retreat, order)
    page = pages.get(f"/orders/{order}")
    assert page.h1 == "You are accepted" and "Confirm and pay NZ$12.00" in page.text
    booking = the(Registration, order_id=order_of(order).id)
    assert pages.get(f"/registrations/{booking.token}").h1 == "You are accepted"
    assert pages.get(f"/offers/{booking.token}").h1 == "You are accepted"
    assert the(Registration).status == "offered"  # looking takes nothing
    assert pages.submit(f"/offers/{booking.token}/accept").left_for is not None
    assert status(order) == "held"


def test_a_link_to_a_booking_that_its_order_does_not_have_is_unknown(pages: PageClient, retreat: ClubSession) -> None:
    order = apply(retreat)
    accept(retreat, order)
    booking, other = the(Registration, order_id=order_of(order).id), order_of(apply(retreat, email="ben@club.example"))
    with transaction() as db:
        db.execute(update(Registration).where(Registration.id == booking.id).values(order_id=other.id))
    assert pages.get(f"/offers/{booking.token}").status == 404


@pytest.mark.parametrize("stage", ["under_review", "in_reserve", "offered"])
def test_applicant_withdraws_on_the_page(pages: PageClient, retreat: ClubSession, stage: str) -> None:
    order = apply(retreat)
    if stage != "under_review":
        (accept if stage == "offered" else reserve)(retreat, order)
    page = pages.get(f"/orders/{order}")
    assert "Withdraw my application" in page.text
    assert pages.submit(f"/orders/{order}/cancel").h1 == "Cancelled"
    assert status(order) == "cancelled" and the(ClubSession).places_taken == 0


def desk(pages: PageClient) -> Page:
    sign_in(pages, Role.STAFF)
    return pages.get(DESK)


def test_committee_accepts_some_after_a_check_that_counts_who_is_told(pages: PageClient, retreat: ClubSession) -> None:
    orders = [apply(retreat, name=name) for name in ("Ana", "Ben", "Cai")]
    tokens = [the(Registration, order_id=order_of(order).id).token for order in orders]
    page = desk(pages)
    assert "To be decided3" in page.text
    check = pages.submit(-1, button="Accept", chosen=tokens[:2], message="Bring boots.")
    assert check.h1 == "Check before you accept 2 people" and "2 people, by e-mail" in check.text and "Bring boots." in check.text
    assert mails().count("accepted") == 0
    done = pages.submit(-1, button="Accept and tell them")
    assert "2 people are accepted and told." in done.text
    assert [status(order) for order in orders] == ["offered", "offered", "under_review"]
    assert all(mail.context["message"] == "Bring boots." for mail in all_of(OutgoingEmail) if mail.template == "accepted")
    assert the(AuditEntry, action="applications_offered").actor.startswith("user:")


def test_all_on_the_page_are_chosen_by_one_tick(pages: PageClient, retreat: ClubSession) -> None:
    orders = [apply(retreat) for _ in range(3)]
    desk(pages)
    pages.submit(-1, button="Decline", all="y")
    pages.submit(-1, button="Decline and tell them")
    assert {status(order) for order in orders} == {"declined"} and mails().count("declined") == 3
    assert pages.get(f"/orders/{orders[0]}").h1 == "You were not given a place"


def test_more_than_there_are_is_refused_with_words_and_done_with_a_tick(pages: PageClient, retreat: ClubSession) -> None:
    orders = [apply(retreat) for _ in range(3)]
    desk(pages)
    check = pages.submit(-1, button="Accept", all="y")
    assert "3 places are wanted and 2 are left" in check.text
    refused = pages.submit(-1, button="Accept and tell them")
    assert refused.status == 409 and "That takes 3 places, and 2 are left" in refused.text
    assert {status(order) for order in orders} == {"under_review"}
    pages.submit(-1, button="Accept", all="y", overbook="y")
    assert "3 people are accepted" in pages.submit(-1, button="Accept and tell them").text
    assert the(ClubSession).overbooked == 1


def test_the_tick_overbooks_by_no_more_than_the_check_said(pages: PageClient, retreat: ClubSession) -> None:
    orders = [apply(retreat) for _ in range(3)]
    desk(pages)
    check = pages.submit(-1, button="Accept", all="y", overbook="y")
    assert "3 places are wanted and 2 are left" in check.text
    accept(retreat, apply(retreat))
    refused = pages.submit(-1, button="Accept and tell them")
    assert refused.status == 409 and "That takes 3 places, and 1 are left" in refused.text
    assert {status(order) for order in orders} == {"under_review"} and the(ClubSession).overbooked == 0
    assert "3 places are wanted and 1 are left" in pages.submit(-1, button="Accept", all="y", overbook="y").text
    pages.submit(-1, button="Accept and tell them")
    assert {status(order) for order in orders} == {"offered"} and the(ClubSession).overbooked == 2


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Choose at least one application."),
        ({"all": "y", "message": "x" * 2001}, "Enter a message of 2000 characters or fewer"),
        ({"all": "y", "until_at": "10:00"}, "Enter the day as well"),
        ({"all": "y", "until_on": "yesterday"}, "Enter a real date"),
    ],
)
def test_what_cannot_be_decided_comes_back_with_words(
    pages: PageClient, retreat: ClubSession, typed: dict[str, str], words: str
) -> None:
    order = apply(retreat)
    apply(retreat)
    desk(pages)
    page = pages.submit(-1, button="Accept", **typed)
    assert page.status == 422 and words in page.text and page.title.startswith("Error: ")
    assert status(order) == "under_review"


@pytest.mark.parametrize(("accepted", "frees"), [(False, None), (True, "2 places, offered to whoever waits")])
def test_committee_that_cancels_reads_what_comes_free_by_it(
    pages: PageClient, retreat: ClubSession, accepted: bool, frees: str | None
) -> None:
    order = apply(retreat, places=2)
    if accepted:
        accept(retreat, order)
    desk(pages)
    pages.get(f"/admin/registrations/{the(Registration).token}/cancel")
    page = pages.submit("/cancel", button="Continue", reason="Asked by phone")
    assert page.h1.startswith("Check before you cancel") and facts(page).get("Comes free") == frees


def test_list_is_searched_and_filtered(pages: PageClient, retreat: ClubSession) -> None:
    ana, ben = apply(retreat, name="Ana Lee"), apply(retreat, name="Ben Ng")
    reserve(retreat, ben)
    assert status(ana) == "under_review"
    desk(pages)
    assert "Ben Ng" not in pages.get(f"{DESK}?q=lee").text
    assert "Ana Lee" not in pages.get(f"{DESK}?status=in_reserve").text
    assert "Nobody fits that search" in pages.get(f"{DESK}?q=zoe").text


def test_page_takes_the_same_statements_however_many_applied(pages: PageClient, retreat: ClubSession) -> None:
    apply(retreat)
    desk(pages)
    with recorded(db.engine) as few:
        pages.get(DESK)
    for _ in range(9):
        apply(retreat)
    with recorded(db.engine) as many:
        pages.get(DESK)
    assert len(many) == len(few)


def test_every_mail_of_an_application_can_be_read(app: Flask, retreat: ClubSession, stripe_simulator: Any) -> None:
    one, two, three, free = apply(retreat), apply(retreat), apply(retreat), make_free_club_session(entry=Entry.APPLICATION)
    accept(free, apply(free))
    accept(retreat, one, message="Welcome!\n\nSee you <soon>.")
    reserve(retreat, two, message="Perhaps later.")
    work()
    sent = {mail.template: mail for mail in all_of(OutgoingEmail) if mail.sent_at and mail.order_id != order_of(three).id}
    assert {"applied", "accepted", "in_reserve"} <= set(sent)
    assert "See you <soon>." in sent["accepted"].text_body or "free" in sent["accepted"].text_body
    assert all("None" not in mail.text_body and "{{" not in mail.text_body for mail in sent.values())
