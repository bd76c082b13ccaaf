"""Making and changing a session through the desk's forms: what is saved, what is said, and that nothing typed is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession
from app.rules.statuses import Entry, RefundPolicy, RegistrationStatus, Role, SessionStatus, WaitlistPayment
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in

TYPED = {
    "title": "Pottery for beginners",
    "summary": "Make a bowl.",
    "description": "Bring an apron.\nClay is there.",
    "location": "Studio 3",
    "starts_day": "2026-04-10",
    "starts_time": "18:30",
    "ends_time": "20:30",
    "capacity": "8",
    "waitlist_capacity": "4",
    "max_places": "2",
    "non_member_price": "25",
    "member_price": "$20.50",
}
STARTS_AT = datetime(2026, 4, 10, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


def test_a_session_is_made_as_a_draft_with_what_was_typed(pages: PageClient) -> None:
    pages.get("/admin/sessions")
    pages.click("New session")
    page = pages.submit("/admin/sessions/new", button="Save", **TYPED)
    assert page.redirects[0][0] == 303 and page.path == "/admin/sessions/pottery-for-beginners-2026-04-10"
    assert page.h1 == "Pottery for beginners" and "The session is saved." in page.text and "Draft" in page.text
    row = the(ClubSession)
    assert (row.title, row.summary, row.location) == ("Pottery for beginners", "Make a bowl.", "Studio 3")
    assert row.description == "Bring an apron.\nClay is there."
    assert (row.starts_at, row.ends_at) == (STARTS_AT, STARTS_AT + timedelta(hours=2))
    assert (row.capacity, row.waitlist_capacity, row.max_places) == (8, 4, 2)
    assert (row.non_member_price_cents, row.member_price_cents, row.currency) == (2500, 2050, "NZD")
    assert (row.status, row.entry, row.waitlist_payment) == (SessionStatus.DRAFT, Entry.OPEN, WaitlistPayment.ON_OFFER)
    assert row.opens_at is row.members_open_at is row.closes_at is row.refund_until is None
    assert the(AuditEntry, action="session_created").actor.startswith("user:")
    assert pages.get("/sessions/pottery-for-beginners-2026-04-10").status == 404, "a draft is the committee's alone"


def test_everything_else_can_be_said_too(pages: PageClient) -> None:
    pages.get("/admin/sessions/new")
    page = pages.submit(
        "/admin/sessions/new", **TYPED, slug="pottery", time_zone="Australia/Sydney", ends_day="2026-04-11", currency="aud",
        opens_day="2026-03-20", opens_time="09:00", members_open_day="2026-03-18", closes_day="2026-04-09", closes_time="12:00",
        refund_day="2026-04-08", refund_time="18:00", entry="application", waitlist_payment="upfront", status="published",
    )  # fmt: skip
    assert page.path == "/admin/sessions/pottery"
    row = the(ClubSession)
    assert (row.time_zone, row.currency, row.status) == ("Australia/Sydney", "AUD", SessionStatus.PUBLISHED)
    assert (row.starts_at, row.ends_at) == (datetime(2026, 4, 10, 8, 30, tzinfo=UTC), datetime(2026, 4, 11, 10, 30, tzinfo=UTC))
    assert row.opens_at == datetime(2026, 3, 19, 22, 0, tzinfo=UTC)
    assert row.members_open_at == datetime(2026, 3, 17, 13, 0, tzinfo=UTC), "a date alone means midnight"
    assert (row.closes_at, row.refund_until) == (datetime(2026, 4, 9, 2, 0, tzinfo=UTC), datetime(2026, 4, 8, 8, 0, tzinfo=UTC))
    assert (row.entry, row.waitlist_payment) == (Entry.APPLICATION, WaitlistPayment.UPFRONT)
    assert pages.get("/sessions/pottery").status == 200


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"title": ""}, "Enter a title, like “Social badminton”"),
        ({"title": "x" * 201}, "Enter a title on one line, of 200 characters or fewer"),
        ({"slug": "Pottery!"}, "Use only small letters, digits and single hyphens"),
        ({"starts_day": ""}, "Enter the date it starts"),
        ({"starts_day": "2026-02-30"}, "Enter a real date as day, month and year, like 21/11/2026"),
        ({"starts_day": "2025-04-10"}, "Enter a start in the future"),
        ({"starts_time": "half past six"}, "Enter a time of day, like 18:30 or 6:30 pm"),
        ({"starts_time": ""}, "Enter the time it starts"),
        ({"ends_time": "18:30"}, "Enter an end after the start"),
        ({"starts_day": "2026-09-27", "starts_time": "02:30"}, "The clocks go forward that night and skip this time"),
        ({"time_zone": "Middle Earth"}, "Enter a time zone like Pacific/Auckland"),
        ({"time_zone": "../etc/passwd"}, "Enter a time zone like Pacific/Auckland"),
        ({"capacity": ""}, "Enter how many places there are"),
        ({"capacity": "-1"}, "Enter a whole number, 0 or more"),
        ({"capacity": "1e3"}, "Enter a whole number, 0 or more"),
        ({"capacity": "100001"}, "Enter a number of places from 0 to 100,000"),
        ({"waitlist_capacity": "some"}, "Enter a whole number, 0 or more"),
        ({"max_places": "0"}, "Enter a whole number, 1 or more"),
        ({"max_places": "101"}, "Enter a number from 1 to 100"),
        ({"non_member_price": "twelve"}, "Enter an amount of money, like 12.00"),
        ({"non_member_price": "12,50"}, "Enter an amount of money, like 12.00"),
        ({"non_member_price": "-5"}, "Enter an amount of money, like 12.00"),
        ({"non_member_price": "12.005"}, "Enter an amount with no more than 2 digits after the point"),
        ({"non_member_price": "1200.50", "member_price": "", "currency": "ISK"}, "Enter a whole amount, with nothing after"),
        ({"non_member_price": "0.49", "member_price": ""}, "Enter NZ$0.50 or more, or nothing if it is free"),
        ({"non_member_price": "1000000.01"}, "Enter an amount like 12.00, up to a million"),
        ({"member_price": "25.01"}, "Members never pay more than others"),
        ({"currency": "POUNDS"}, "Enter a currency by its three letters, like NZD"),
        ({"opens_day": "2026-04-11"}, "Registration must open before it closes and before the session starts"),
        ({"opens_time": "09:00"}, "Enter a date too, or leave both empty"),
        ({"slug": "new"}, "This is the address of another page"),
        ({"student_price": "25.01"}, "This is never more than the usual price"),
        ({"early_member_price": "20.51", "early_day": "2026-04-01"}, "An early price is never more than the usual one"),
        ({"early_non_member_price": "20"}, "Enter when the early price ends"),
        ({"early_day": "2026-04-01"}, "Enter the early price that ends then"),
        ({"early_day": "2026-04-11", "early_non_member_price": "20"}, "Enter when the early price ends"),
        ({"refund_policy": "percentage", "refund_day": "2026-04-09"}, "Enter a percentage from 0 to 100, like 50"),
        ({"refund_percent": "101"}, "Enter a percentage from 0 to 100, like 50"),
        ({"refund_policy": "fee_kept", "refund_day": "2026-04-09"}, "Enter the fee that the club keeps, like 5.00"),
        ({"refund_fee": "some"}, "Enter an amount of money, like 12.00"),
        ({"refund_policy": "percentage", "refund_percent": "50"}, "Enter until when people can cancel in time"),
        ({"closes_day": "2026-04-10", "closes_time": "18:31"}, "Registration must close before the session starts"),
    ],
)
def test_what_cannot_be_used_comes_back_with_what_to_do_and_all_that_was_typed(
    pages: PageClient, typed: dict[str, str], said: str
) -> None:
    pages.get("/admin/sessions/new")
    sent = TYPED | typed
    page = pages.submit("/admin/sessions/new", **sent)
    assert page.status == 422 and page.title.startswith("Error: ")
    assert [error for error in page.errors if error.startswith(said)] == page.errors, page.errors
    form = page.form("/admin/sessions/new")
    assert {name: form[name] for name in sent} == sent
    assert count_of(ClubSession) == count_of(AuditEntry) == 0


def test_refunds_early_prices_and_whose_turn_it_is_can_be_said_and_are_read_by_visitors(pages: PageClient) -> None:
    pages.get("/admin/sessions/new")
    pages.submit(
        "/admin/sessions/new", **TYPED, slug="pottery", student_price="18", early_non_member_price="22", early_member_price="19",
        early_day="2026-04-01", refund_policy="percentage", refund_percent="50", refund_fee="5", refund_day="2026-04-09",
        waitlist_members_first="yes",
    )  # fmt: skip
    row = the(ClubSession)
    assert (row.student_price_cents, row.early_non_member_price_cents, row.early_member_price_cents) == (1800, 2200, 1900)
    assert row.early_price_until == datetime(2026, 3, 31, 11, tzinfo=UTC)
    assert (row.refund_policy, row.refund_percent, row.refund_fee_cents) == (RefundPolicy.PERCENTAGE, 50, 500)
    assert row.refund_until == datetime(2026, 4, 8, 12, tzinfo=UTC) and row.waitlist_members_first is True
    page = pages.get("/admin/sessions/pottery/edit")
    assert "“Cancel before 12:00 am on Thursday 9 April and get 50% of what you paid back.”" in page.text
    form = page.form("/edit")
    assert (form["refund_percent"], form["refund_fee"], form["waitlist_members_first"]) == ("50", "5.00", "yes")
    pages.submit("/edit")
    assert count_of(AuditEntry, action="session_edited") == 0, "what is shown is what is saved"


def test_a_fee_that_eats_a_price_is_saved_and_warned_about(pages: PageClient) -> None:
    for fee, warned in (("20.51", True), ("20.50", False)):
        pages.get("/admin/sessions/new")
        page = pages.submit("/admin/sessions/new", **TYPED, refund_policy="fee_kept", refund_fee=fee, refund_day="2026-04-09")
        assert page.status == 200 and ("Please check the fee that the club keeps" in page.text) is warned


def test_everything_wrong_is_said_at_once(pages: PageClient) -> None:
    pages.get("/admin/sessions/new")
    page = pages.submit("/admin/sessions/new", **TYPED | {"title": "", "starts_day": "soon", "capacity": "many", "currency": "£"})
    assert len(page.errors) == 4


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ({"starts_day": "10/04/2026", "starts_time": "6:30 pm"}, "starts_at", STARTS_AT),
        ({"starts_day": "10 April 2026", "starts_time": "18.30"}, "starts_at", STARTS_AT),
        ({"non_member_price": "NZ$1,234.50"}, "non_member_price_cents", 123450),
        ({"non_member_price": "", "member_price": ""}, "non_member_price_cents", None),
        ({"non_member_price": "0", "member_price": "0"}, "member_price_cents", 0),
        ({"non_member_price": "1500", "member_price": "", "currency": "JPY"}, "non_member_price_cents", 1500),
        ({"ends_day": "2026-04-11", "ends_time": "00:15"}, "ends_at", datetime(2026, 4, 10, 12, 15, tzinfo=UTC)),
    ],
)
def test_people_write_dates_times_and_money_in_their_own_way(
    pages: PageClient, typed: dict[str, str], name: str, value: Any
) -> None:
    pages.get("/admin/sessions/new")
    assert pages.submit("/admin/sessions/new", **TYPED | typed).status == 200
    assert getattr(the(ClubSession), name) == value


def test_a_slug_that_is_taken_is_said_at_its_field(pages: PageClient) -> None:
    make_club_session(slug="pottery")
    pages.get("/admin/sessions/new")
    page = pages.submit("/admin/sessions/new", **TYPED | {"slug": "pottery"})
    assert page.status == 409 and page.errors == ["This address is taken. Choose another one, or leave it empty."]
    assert page.form("/admin/sessions/new")["title"] == "Pottery for beginners"
    page = pages.submit("/admin/sessions/new", slug="")
    assert page.status == 200 and page.path == "/admin/sessions/pottery-for-beginners-2026-04-10"


def test_the_edit_form_shows_the_session_and_saving_it_untouched_changes_nothing(pages: PageClient) -> None:
    starts_at = datetime(2026, 4, 4, 14, 30, 17, tzinfo=UTC)  # 2:30 for the second time that night, and 17 seconds
    make_club_session(slug="badminton", starts_at=starts_at, opens_at=starts_at - timedelta(days=20), waitlist_capacity=3)
    before = the(ClubSession)
    form = pages.get("/admin/sessions/badminton/edit").form("/edit")
    assert (form["starts_day"], form["starts_time"], form["non_member_price"]) == ("2026-04-05", "02:30", "12.00")
    page = pages.submit("/edit")
    assert page.status == 200 and "The changes are saved." in page.text
    after = the(ClubSession)
    assert {c.name: getattr(after, c.name) for c in ClubSession.__table__.c} == {
        c.name: getattr(before, c.name) for c in ClubSession.__table__.c
    }
    assert count_of(AuditEntry) == 0


def test_an_edit_is_saved_and_the_public_page_shows_it(pages: PageClient) -> None:
    make_club_session(slug="badminton")
    pages.get("/admin/sessions/badminton")
    pages.click("Edit this session")
    page = pages.submit("/edit", title="Badminton & friends", non_member_price="15.00", starts_time="19:15", ends_time="21:00")
    assert page.path == "/admin/sessions/badminton" and page.h1 == "Badminton & friends"
    row = the(ClubSession)
    assert (row.title, row.non_member_price_cents, row.calendar_sequence) == ("Badminton & friends", 1500, 1)
    assert set(the(AuditEntry).detail) == {"title", "non_member_price_cents", "starts_at", "ends_at"}
    assert "NZ$15.00" in pages.get("/sessions/badminton").text


def test_fewer_places_than_are_taken_evicts_nobody_and_shows(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", capacity=5)
    for name in ("Aroha", "Ben", "Chloe"):
        book(session, name)
    page = pages.get("/admin/sessions/badminton/edit")
    assert "3 places are taken. People who have one keep it, whatever you change here." in page.text
    page = pages.submit("/edit", capacity="1")
    assert page.status == 200 and "3 of 1" in page.text and "Overbooked by 2" in page.text
    assert "Overbooked by 2" in pages.get("/admin/sessions").text
    assert (the(ClubSession).capacity, the(ClubSession).overbooked) == (1, 2)


def test_a_mistake_in_an_edit_keeps_what_was_typed_and_the_record(pages: PageClient) -> None:
    make_club_session(slug="badminton")
    pages.get("/admin/sessions/badminton/edit")
    page = pages.submit("/edit", title="Another", capacity="", status="draft")
    assert page.status == 422 and page.errors == ["Enter how many places there are"]
    form = page.form("/edit")
    assert (form["title"], form["capacity"], form["status"]) == ("Another", "", "draft")
    assert the(ClubSession).title != "Another"


def test_the_second_of_two_editors_is_told_and_may_then_insist(app: Flask, pages: PageClient) -> None:
    make_club_session(slug="badminton")
    first, second = pages, PageClient(app)
    sign_in(second, Role.ADMIN)
    first.get("/admin/sessions/badminton/edit")
    second.get("/admin/sessions/badminton/edit")
    first.submit("/edit", title="First")
    page = second.submit("/edit", title="Second")
    assert page.status == 409 and page.title.startswith("Error: ")
    assert "Somebody else changed this session while you had this page open." in page.text
    assert page.form("/edit")["title"] == "Second" and the(ClubSession).title == "First"
    assert second.submit("/edit").status == 200
    assert the(ClubSession).title == "Second"


def test_a_booked_session_keeps_its_address_and_says_so(pages: PageClient) -> None:
    session = make_club_session(slug="badminton")
    book(session, "Aroha", RegistrationStatus.CANCELLED)
    pages.get("/admin/sessions/badminton/edit")
    page = pages.submit("/edit", slug="tennis")
    assert page.status == 422
    assert page.errors == ["People have booked with “badminton”, so this can no longer change. Enter it again"]
    assert pages.submit("/edit", slug="").path == "/admin/sessions/badminton", "an empty one stays as it is"


def test_a_cancelled_session_can_be_corrected_but_not_brought_back(pages: PageClient, clock: FakeClock) -> None:
    make_club_session(slug="badminton", status=SessionStatus.CANCELLED)
    page = pages.get("/admin/sessions/badminton/edit")
    assert "status" not in page.form("/edit").names
    assert pages.submit("/edit", description="The hall is closed.").status == 200
    assert all_of(ClubSession)[0].status is SessionStatus.CANCELLED
    token = pages.get("/admin/sessions/badminton/edit").form("/edit").filled({}, None)
    page = pages.post("/admin/sessions/badminton/edit", dict(token) | {"status": "published"})
    assert the(ClubSession).status is SessionStatus.CANCELLED


def test_what_most_sessions_leave_alone_is_folded_away_until_it_says_something(pages: PageClient) -> None:
    def unfolded() -> list[str]:
        found = [element for element in (pages.page or pages.get("/")).tree.with_class("more") if element.get("open") is not None]
        return [text_of(next(element.iter("summary"))) for element in found]

    make_club_session(slug="badminton", waitlist_payment=WaitlistPayment.UPFRONT)
    pages.get("/admin/sessions/new")
    assert unfolded() == []
    pages.get("/admin/sessions/badminton/edit")
    assert unfolded() == ["How people get a place, and how the waitlist works"]
    pages.submit("/edit", time_zone="Nowhere", opens_day="2026-01-05")
    assert unfolded() == [
        "When registration opens and closes", "How people get a place, and how the waitlist works",
        "Address on this site, time zone and currency",
    ]  # fmt: skip
