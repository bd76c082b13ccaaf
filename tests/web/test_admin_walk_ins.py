"""Somebody without a booking comes to the door: staff take cash and they are in; the desk reads whom to call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app import clock as app_clock
from app.models import AuditEntry, ClubSession, OutgoingEmail, Payment, Registration
from app.rules.statuses import PaymentState, RegistrationStatus, Role
from app.services import door
from app.transaction import transaction
from tests.support.booking import balances
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in

DOOR = "/admin/sessions/badminton/door"
WALK_IN = f"{DOOR}/walk-in"


@pytest.fixture(autouse=True)
def session(app: Flask) -> ClubSession:
    starts_at = app_clock.now() + timedelta(minutes=30)
    return make_club_session(slug="badminton", title="Badminton", starts_at=starts_at, capacity=3, waitlist_capacity=9)


def check(pages: PageClient, **typed: str) -> Any:
    pages.get(WALK_IN)
    return pages.submit("/walk-in", **{"name": "Wanda Walk", **typed})


def test_cash_is_named_taken_and_in_the_books_and_they_are_in(pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    page = check(pages, places="2")
    assert page.h1 == "Take NZ$24.00 in cash" and "2 × NZ$12.00" in page.text
    assert count_of(Registration) == 0, "the check does nothing"
    page = pages.submit("/walk-in", button="I have NZ$24.00")
    assert page.path == DOOR and "Wanda Walk is in." in page.text and "2 of 2 in" in page.text
    booked, payment = the(Registration), the(Payment)
    assert (booked.status, booked.payment_status, booked.checked_in_at) == (
        RegistrationStatus.REGISTERED, PaymentState.PAID, app_clock.now(),
    )  # fmt: skip
    assert (payment.provider, payment.captured_cents) == ("cash", 2400)
    assert balances() == {"cash:desk": 2400, "revenue:registration": -2400}
    assert count_of(OutgoingEmail) == 0, "they gave no address"
    assert [e.action for e in all_of(AuditEntry, subject_kind="registration")][-1] == "checked_in"


def test_the_same_form_twice_is_one_booking_one_payment_and_one_tick(pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)
    form = check(pages, email="Wanda@Club.Example").form("/walk-in")
    for _ in range(2):
        assert pages.submit(form, button="I have NZ$12.00").path == DOOR
    assert (count_of(Registration), count_of(Payment), count_of(AuditEntry, action="checked_in")) == (1, 1, 1)
    assert [mail.to for mail in all_of(OutgoingEmail)] == ["wanda@club.example"]


def test_a_crash_between_paid_and_in_is_mended_by_the_same_form(pages: PageClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    sign_in(pages, Role.STAFF)
    form = check(pages).form("/walk-in")
    with monkeypatch.context() as broken:
        broken.setattr(door, "tick_in", die)
        assert pages.submit(form, button="I have NZ$12.00").status == 500
    assert (the(Registration).payment_status, the(Registration).checked_in_at) == (PaymentState.PAID, None)
    assert "Wanda Walk is in." in pages.submit(form, button="I have NZ$12.00").text
    assert (count_of(Registration), count_of(Payment)) == (1, 1)


def test_a_member_pays_the_member_price_and_their_guest_does_not(pages: PageClient) -> None:
    make_membership(make_user(email="mia@club.example"))
    sign_in(pages, Role.STAFF)
    page = check(pages, email="mia@club.example", places="2")
    assert page.h1 == "Take NZ$20.00 in cash" and "1 × NZ$8.00 (Member price" in page.text and "1 × NZ$12.00" in page.text


def test_nothing_to_pay_is_said(pages: PageClient) -> None:
    make_free_club_session(slug="chess")
    sign_in(pages, Role.STAFF)
    pages.get("/admin/sessions/chess/door/walk-in")
    page = pages.submit("/walk-in", name="Wanda")
    assert page.h1 == "Nothing to pay"
    assert "Wanda is in." in pages.submit("/walk-in", button="Let them in").text and count_of(Payment) == 0


def test_a_price_that_changed_since_is_asked_again_and_nothing_is_taken(pages: PageClient, session: ClubSession) -> None:
    sign_in(pages, Role.STAFF)
    check(pages)
    with transaction() as db:
        db.execute(update(ClubSession).values(non_member_price_cents=1500))
    page = pages.submit("/walk-in", button="I have NZ$12.00")
    assert page.status == 409 and page.h1 == "Take NZ$15.00 in cash" and count_of(Registration) == 0
    assert pages.submit("/walk-in", button="I have NZ$15.00").path == DOOR


def test_a_full_session_is_overbooked_by_an_explicit_tick_with_a_reason_only(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana", count=3)
    book(session, "Wendy Waits", RegistrationStatus.WAITLISTED)
    sign_in(pages, Role.STAFF)
    page = check(pages, places="2")
    assert "overbooked by 2" in page.text and "1 place is waited for." in page.text
    page = pages.submit("/walk-in", button="I have")
    assert page.status == 409 and "Places left: 0." in page.text
    page = pages.submit("/walk-in", button="I have", overbook=True)
    assert page.status == 422 and page.errors == ["Enter a reason: it is kept on the record."]
    assert count_of(Payment) == 0 and the(ClubSession).overbooked == 0
    page = pages.submit("/walk-in", button="I have", overbook=True, reason="They came a long way")
    assert page.path == DOOR and the(ClubSession).overbooked == 2


def test_the_tick_allows_as_much_as_it_said_and_no_more(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana", count=3)
    sign_in(pages, Role.STAFF)
    form = check(pages).form("/walk-in")
    with transaction() as db:
        db.execute(update(ClubSession).values(capacity=2, overbooked=1))
    page = pages.submit(form, button="I have", overbook=True, reason="They came a long way")
    assert page.status == 409 and "overbooked by 2" in page.text and count_of(Payment) == 0


@pytest.mark.parametrize(("typed", "error"), [
    ({"name": " "}, "Enter a name"), ({"places": "0"}, "whole number"), ({"places": ""}, "how many places"),
    ({"email": "nobody"}, "correct format"),
])  # fmt: skip
def test_what_cannot_be_used_is_asked_for_again(pages: PageClient, typed: dict[str, str], error: str) -> None:
    sign_in(pages, Role.STAFF)
    page = check(pages, **typed)
    assert page.status == 422 and any(error in words for words in page.errors)


def test_an_address_with_a_booking_is_told_at_its_field(pages: PageClient, session: ClubSession) -> None:
    book(session, "Ana", email="ana@club.example")
    sign_in(pages, Role.STAFF)
    check(pages, email="ana@club.example")
    page = pages.submit("/walk-in", button="I have")
    assert page.status == 422 and page.h1 == "Somebody without a booking" and "has a booking here already" in page.errors[0]


def test_the_desk_takes_no_money_and_reads_whom_to_call(pages: PageClient, session: ClubSession) -> None:
    make_user(name="Kiri Staff", role=Role.STAFF)
    sign_in(pages, Role.DESK)
    page = pages.get(DOOR)
    assert "Somebody without a booking? Call Kiri Staff" in page.text and "walk-in" not in page.html
    assert pages.get(WALK_IN).status == 403
    token = page.form("/account/sign-out")["csrf_token"]
    assert pages.post(WALK_IN, {"csrf_token": token, "step": "do", "name": "Mine", "places": "1"}).status == 403
    assert count_of(Registration) == 0
