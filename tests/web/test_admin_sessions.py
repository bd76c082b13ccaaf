"""The desk's actions on sessions through their pages: what is listed first, what is done, what is said, and by whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app import clock as app_clock
from app.models import AuditEntry, ClubSession
from app.rules.statuses import RegistrationStatus, Role, SessionStatus
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.web.desk import book, sign_in

FRIDAY = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)
"""Half past six in Auckland; its clocks go back on 5 April."""
HERE = "/admin/sessions/badminton"
ACTS = ("duplicate", "repeat", "publish", "unpublish", "complete", "series/publish", "edit/following")


@pytest.fixture(autouse=True)
def staff(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


def make_series(number: int = 3, **values: object) -> None:
    """So many sessions a week apart, the first of them ``badminton``."""
    for week in range(number):
        slug = "badminton" if week == 0 else f"week-{week}"
        starts_at = FRIDAY + timedelta(days=7 * week)
        make_club_session(slug=slug, title="Badminton", series="a", starts_at=starts_at, refund_until=None, **values)


def test_a_session_is_copied_to_another_day_as_a_draft(pages: PageClient) -> None:
    make_club_session(slug="badminton", title="Badminton", starts_at=FRIDAY)
    pages.get(HERE)
    pages.click("Copy to another day")
    page = pages.submit("/duplicate", on="")
    assert page.status == 422 and page.errors == ["Enter the date of the copy"]
    page = pages.submit("/duplicate", on="2026-03-01")
    assert page.status == 422 and page.errors == ["Enter a date in the future, before the year 2100"]
    page = pages.submit("/duplicate", on="1/7/2026")
    assert page.redirects[0][0] == 303 and page.path == "/admin/sessions/badminton-2026-07-01"
    assert "This is the copy, as a draft." in page.text and "Wednesday 1 July, 6:30 – 8:30 pm" in page.text
    page = pages.submit("/publish")
    assert "The session is published: everybody can see it." in page.text
    assert pages.get("/sessions/badminton-2026-07-01").status == 200


def test_weekly_sessions_are_listed_then_made_and_shown(pages: PageClient) -> None:
    make_club_session(slug="badminton", title="Badminton", starts_at=FRIDAY, refund_until=None)
    pages.get(HERE)
    pages.click("Repeat weekly")
    page = pages.submit("/repeat", weeks="4", skip="3/4/2026\r\n25 December 2026", status="published")
    assert (page.status, page.h1) == (200, "Check the dates") and count_of(ClubSession) == 1
    assert "3 sessions like “Badminton” will be made. Everybody can see them at once." in page.text
    assert "Not among the dates anyway: Friday, 25 December 2026" in page.text
    for line in ("Friday 27 March, 6:30 – 8:30 pm Will be made", "Friday 3 April, 6:30 – 8:30 pm Left out",
                 "Friday 10 April, 6:30 – 8:30 pm Will be made", "Friday 17 April, 6:30 – 8:30 pm Will be made"):  # fmt: skip
        assert line in page.text, page.text
    page = pages.submit("/repeat", button="Back to the form")
    assert (page.h1, page.form("/repeat")["weeks"]) == ("Repeat “Badminton” weekly", "4")
    assert page.form("/repeat")["skip"] == "3/4/2026\n25 December 2026"
    pages.submit("/repeat")
    page = pages.submit("/repeat", button="Make 3 sessions")
    assert page.redirects[0][0] == 303 and page.path == f"{HERE}/series" and "3 sessions were made." in page.text
    assert page.h1 == "Series of “Badminton”" and "Friday 17 April, 6:30 – 8:30 pm" in page.links
    assert count_of(ClubSession) == 4 and "draft" not in page.text
    assert pages.get(HERE).links["All of its series"].endswith(f"{HERE}/series")


def test_the_second_of_two_presses_is_told_that_nothing_is_left(pages: PageClient) -> None:
    make_club_session(slug="badminton", starts_at=FRIDAY, refund_until=None)
    pages.get(f"{HERE}/repeat")
    check = pages.submit("/repeat", weeks="2").form("/repeat")
    pages.submit(check)
    page = pages.submit(check)
    assert page.status == 422 and page.errors[0].startswith("No date is left to make a session on.")
    assert count_of(ClubSession) == 3


def test_a_list_of_dates_that_is_out_of_date_is_shown_again(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", starts_at=FRIDAY, refund_until=None, series="a")
    pages.get(f"{HERE}/repeat")
    pages.submit("/repeat", weeks="2")
    make_club_session(series="a", starts_at=session.starts_at + timedelta(days=7))
    page = pages.submit("/repeat", button="Make")
    assert page.status == 409 and "Already there" in page.text and count_of(ClubSession) == 2
    pages.submit("/repeat", button="Make 1 session")
    assert count_of(ClubSession) == 3


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Enter for how many weeks, or until when"),
        ({"weeks": "53"}, "Enter a number of weeks from 1 to 52"),
        ({"weeks": "2", "until": "2026-05-01"}, "Enter either a number of weeks or a last date, not both"),
        ({"until": "2026-03-21"}, "Enter a date a week or more after this session"),
        ({"weeks": "2", "skip": "Easter"}, "Enter dates like 25/12/2026, one on each line: “Easter” is none"),
    ],
)
def test_a_repetition_that_cannot_be_says_what_to_type(pages: PageClient, typed: dict[str, str], said: str) -> None:
    make_club_session(slug="badminton", starts_at=FRIDAY)
    pages.get(f"{HERE}/repeat")
    page = pages.submit("/repeat", **typed)
    assert page.status == 422 and page.title.startswith("Error: ")
    assert [error for error in page.errors if error.startswith(said)] == page.errors != []


def test_this_and_those_after_it_are_listed_then_changed(pages: PageClient) -> None:
    make_series()
    book(the(ClubSession, slug="week-2"), "Aroha", count=3)
    assert "Save this and the 1 after it" in pages.get("/admin/sessions/week-1/edit").text
    page = pages.submit(
        _to("week-1/edit", pages), title="Badminton for all", starts_time="19:00", ends_time="21:00", capacity="2",
        description="First line\r\n\r\nSecond", non_member_price="15",
    )  # fmt: skip
    assert page.h1 == "Check before you change several sessions"
    assert "the title, the description, the time, the number of places, prices." in page.text
    assert "Friday 3 April, 7:00 – 9:00 pm Friday 3 April, 6:30 – 8:30 pm 3 of 2 Overbooked by 1" in page.text
    assert {row.title for row in all_of(ClubSession)} == {"Badminton"}, "nothing is done yet"
    page = pages.submit("/edit/following", button="Back to the form")
    assert page.status == 200 and page.form("/edit")["title"] == "Badminton for all"
    pages.submit(_to("week-1/edit", pages))
    page = pages.submit("/edit/following", button="Change 2 sessions")
    assert page.path == "/admin/sessions/week-1/series" and "2 sessions are changed." in page.text
    first, second, third = all_of(ClubSession)
    assert (first.title, first.calendar_sequence) == ("Badminton", 0)
    assert {second.title, third.title} == {"Badminton for all"} and (third.capacity, third.overbooked) == (2, 1)
    assert second.description == third.description == "First line\n\nSecond" and third.calendar_sequence == 1
    assert count_of(AuditEntry, action="session_edited") == 2


def _to(path: str, pages: PageClient) -> object:
    """The edit form of the newest page, to be sent by its second button."""
    assert pages.page is not None
    form = pages.page.form(path)
    form.action = form.action.replace("/edit", "/edit/following")
    return form


def test_mistakes_in_an_edit_of_several_are_said_in_the_form(pages: PageClient) -> None:
    make_series(2)
    pages.get(f"{HERE}/edit")
    page = pages.submit(_to("/edit", pages), title="", capacity="8")
    assert page.status == 422 and page.errors == ["Enter a title, like “Social badminton”"]
    page = pages.submit(_to("/edit", pages), title="New", currency="AUD")
    assert page.status == 422 and page.errors == ["This can be changed only for one session at a time"]
    page = pages.submit(_to("/edit", pages), currency="NZD", starts_day="2026-03-01")
    assert page.status == 422 and page.errors == ["Enter a start in the future, before the year 2100: check the year"]
    page = pages.submit(_to("/edit", pages), starts_day="2026-03-20")
    make_club_session(series="a", starts_at=FRIDAY + timedelta(days=14))
    page = pages.submit("/edit/following")
    assert page.status == 409 and "Something changed since these sessions were listed." in page.text
    assert {row.title for row in all_of(ClubSession)}.isdisjoint({"New"})


def test_a_session_with_people_in_it_does_not_become_a_draft(pages: PageClient) -> None:
    make_club_session(slug="badminton", waitlist_capacity=2)
    page = pages.get(HERE)
    form = page.form("/unpublish")
    book(the(ClubSession), "Aroha", RegistrationStatus.WAITLISTED)
    page = pages.submit(form)
    assert "People are registered, waiting or paying, so it cannot become a draft" in page.text
    assert [f.action for f in page.forms if "unpublish" in f.action] == []
    pages.get(f"{HERE}/edit")
    page = pages.submit("/edit", status="draft")
    assert page.status == 422 and page.errors[0].startswith("People are registered, waiting or paying")
    assert the(ClubSession).status is SessionStatus.PUBLISHED


def test_nobody_in_it_and_it_is_a_draft_again(pages: PageClient) -> None:
    make_club_session(slug="badminton")
    pages.get(HERE)
    assert "only the committee can see it" in pages.submit("/unpublish").text
    assert pages.get("/sessions/badminton").status == 404


def test_a_session_that_is_over_is_completed_after_a_question(pages: PageClient, clock: FakeClock) -> None:
    make_club_session(slug="badminton", starts_at=clock.now - timedelta(hours=3))
    pages.get(HERE)
    page = pages.click("Complete")
    assert "It cannot be published again." in page.text and the(ClubSession).status is SessionStatus.PUBLISHED
    page = pages.submit("/complete")
    assert page.path == HERE and "The session is completed." in page.text
    assert the(ClubSession).status is SessionStatus.COMPLETED


def test_the_drafts_of_a_series_are_published_at_once(pages: PageClient) -> None:
    make_series(status=SessionStatus.DRAFT)
    pages.get(f"{HERE}/series")
    page = pages.submit("/series/publish", button="Publish 3 drafts")
    assert "3 sessions are published." in page.text and "/series/publish" not in [form.action for form in page.forms]
    assert {row.status for row in all_of(ClubSession)} == {SessionStatus.PUBLISHED}


def test_only_staff_may_act_and_only_from_the_sites_own_forms(pages: PageClient) -> None:
    make_series(2, status=SessionStatus.DRAFT)
    for act in ACTS:
        assert pages.post(f"{HERE}/{act}").status == 400, "without its token"
    sign_in(pages, Role.DESK)
    token = pages.get("/").form("/account/sign-out")["csrf_token"]
    for act in ACTS:
        assert pages.post(f"{HERE}/{act}", {"csrf_token": token, "weeks": "2", "on": "2026-05-01"}).status == 403, act
    page = pages.get(f"{HERE}/series")
    assert page.status == 200 and "Publish" not in page.text
    assert not {"Copy to another day", "Repeat weekly", "All of its series"} & set(pages.get(HERE).links)
    assert count_of(ClubSession) == 2 and count_of(AuditEntry, subject_kind="club_session") == 0


def test_what_is_not_there_is_not_acted_on(pages: PageClient) -> None:
    make_club_session(slug="badminton")
    token = pages.get("/").form("/account/sign-out")["csrf_token"]
    for act in ACTS:
        assert pages.post(f"/admin/sessions/chess/{act}", {"csrf_token": token}).status == 404, act
    assert pages.get(f"{HERE}/series").status == 404, "it belongs to none"


def test_a_draft_is_previewed_by_the_committee_and_by_nobody_else(pages: PageClient, app: Flask) -> None:
    draft = {"description": "## Bring\nshoes", "status": SessionStatus.DRAFT}
    make_club_session(slug="badminton", title="Badminton", starts_at=FRIDAY, **draft)
    pages.get(HERE)
    page = pages.click("Preview")
    assert page.h1 == "Badminton" and "Bring" in page.text
    assert "This is how the page will look. It is a draft: nobody but the committee can see it." in page.text
    assert "Back to the session" in page.links
    assert not any("badminton.ics" in url or "/register" in url for url in page.links.values())
    assert pages.get("/sessions/badminton").status == 404
    visitor = PageClient(app)
    assert visitor.get(f"{HERE}/preview").path == "/account/sign-in"
    make_club_session(slug="open", starts_at=FRIDAY)
    assert pages.get("/admin/sessions/open/preview").status == 404


def test_a_new_place_is_checked_with_how_many_are_told_then_saved(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", title="Badminton", starts_at=FRIDAY, location="Old hall", waitlist_capacity=3)
    book(session, "Ana")
    book(session, "Bo")
    book(session, "Cy", RegistrationStatus.WAITLISTED)
    book(session, "Di", RegistrationStatus.IN_RESERVE, applied_at=app_clock.now(), reserved_at=app_clock.now())
    pages.get(f"{HERE}/edit")
    page = pages.submit("/edit", location="New hall")
    assert (page.status, page.h1) == (200, "Check before people are told") and the(ClubSession).location == "Old hall"
    assert "Place before Old hall Place from now on New hall" in page.text
    assert "4 bookings are told by e-mail, with the new calendar entry. 2 are registered. 2 are waiting." in page.text
    pages.submit("/edit", button="Back to the form", location="Newer hall")
    assert the(ClubSession).location == "Old hall"
    pages.submit("/edit", location="Newer hall")
    page = pages.submit("/edit", button="Save and tell 4 bookings")
    assert "The changes are saved." in page.text and the(ClubSession).location == "Newer hall"
    pages.get(f"{HERE}/edit")
    assert "The changes are saved." in pages.submit("/edit", summary="Only words").text


def test_what_was_confirmed_is_that_place_and_no_other(pages: PageClient) -> None:
    session = make_club_session(slug="badminton", title="Badminton", starts_at=FRIDAY, location="Old hall")
    book(session, "Ana")
    pages.get(f"{HERE}/edit")
    pages.submit("/edit", location="New hall")
    page = pages.submit("/edit", location="Another hall")
    assert page.h1 == "Check before people are told" and the(ClubSession).location == "Old hall"
