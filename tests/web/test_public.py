"""What anybody may see: the list, a session's page, availability, calendars. Few statements, and no cookie for a visitor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import icalendar
import jsonschema
import pytest
from flask import Flask

from app.rules.statuses import SessionStatus
from app.services import registrations
from tests.support.booking import applicant
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient

Statements = Callable[[], AbstractContextManager[list[str]]]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AVAILABILITY = {
    "type": "object",
    "required": ["status", "capacity", "placesLeft", "waitlistLeft", "waitlistOpen"],
    "properties": {
        "status": {"enum": ["published", "cancelled", "completed"]},
        "capacity": {"type": "integer", "minimum": 0},
        "placesLeft": {"type": "integer", "minimum": 0},
        "waitlistLeft": {"type": "integer", "minimum": 0},
        "waitlistOpen": {"type": "boolean"},
    },
}  # fmt: skip


def days(page: Any) -> list[str]:
    return ["".join(h2.itertext()).strip() for h2 in page.tree.with_class("day__name")]


def test_list_is_by_day_in_order_in_the_sessions_own_zone(sqlite_app: Flask, pages: PageClient, clock: Any) -> None:
    start = clock.now + DAY
    later = make_club_session(title="Later", starts_at=start + 3 * HOUR)
    earlier = make_club_session(title="Earlier", starts_at=start)
    make_club_session(title="Day after", starts_at=start + DAY)
    # 12:30 UTC on the 3rd is already the 4th in Auckland, and still the 3rd in Perth.
    make_club_session(title="Night in Perth", starts_at=clock.now.replace(hour=12, minute=30) + DAY, time_zone="Australia/Perth")
    page = pages.get("/")
    assert page.h1 == "Sessions" and days(page) == sorted(days(page), key=days(page).index) and len(days(page)) == 3
    assert page.text.index("Night in Perth") < page.text.index("Earlier") < page.text.index("Later") < page.text.index("Day af")
    assert page.links["Later"].endswith(f"/sessions/{later.slug}") and earlier.slug in page.html


@pytest.mark.parametrize(("changes", "words"), [
    ({"non_member_price_cents": 1200, "member_price_cents": 800}, ["NZ$12.00", "NZ$8.00", "10 places"]),
    ({"non_member_price_cents": None, "member_price_cents": None}, ["Free"]),
    ({"capacity": 1}, ["1 place"]),
    ({"capacity": 0}, ["Full"]),
    ({"capacity": 0, "waitlist_capacity": 3}, ["aitlist"]),
    ({"opens_at": DAY}, ["pens"]),
    ({"closes_at": -HOUR}, ["losed"]),
])  # fmt: skip
def test_list_and_page_say_price_places_and_state(
    sqlite_app: Flask, pages: PageClient, clock: Any, changes: dict[str, Any], words: list[str]
) -> None:
    values = {name: clock.now + value if isinstance(value, timedelta) else value for name, value in changes.items()}
    club_session = make_club_session(**values)
    for page in (pages.get("/"), pages.get(f"/sessions/{club_session.slug}")):
        assert [word for word in words if word not in page.text] == [], page.text


def test_past_and_cancelled_sessions_are_out_of_the_way_but_to_be_found(sqlite_app: Flask, pages: PageClient, clock: Any) -> None:
    make_club_session(title="Coming")
    make_club_session(title="Called off", status=SessionStatus.CANCELLED)
    make_club_session(title="Long gone", starts_at=clock.now - 3 * DAY)
    make_club_session(title="Being written", status=SessionStatus.DRAFT)
    upcoming, past = pages.get("/").text, pages.get("/?show=past").text
    assert "Coming" in upcoming and not any(words in upcoming for words in ("Called off", "Long gone", "Being written"))
    assert "Called off" in past and "Long gone" in past and "Coming up" in past and "Being written" not in past


def test_session_under_way_stays_on_the_list_until_it_ends(sqlite_app: Flask, pages: PageClient, clock: Any) -> None:
    make_club_session(title="Going on", starts_at=clock.now - HOUR)
    assert "Going on" in pages.get("/").text
    clock.advance(hours=1)
    assert "Going on" not in pages.get("/").text


def test_empty_list_says_what_to_do_next(sqlite_app: Flask, pages: PageClient) -> None:
    assert pages.get("/").links["Subscribe to the calendar"].endswith("/sessions.ics")


def test_session_page_has_everything_to_decide_by(sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_club_session(waitlist_capacity=5)
    page = pages.get(f"/sessions/{club_session.slug}")
    expected = (
        club_session.title, club_session.summary, club_session.description, club_session.location, "NZ$12.00", "NZ$8.00",
        "10 in all", "Up to 4 places", "5 people can wait", "10 March", "10:00",
    )  # fmt: skip
    assert [words for words in expected if words not in page.text] == []
    assert page.links["Register"].endswith(f"/sessions/{club_session.slug}/register")


def test_what_staff_typed_is_shown_and_never_run(sqlite_app: Flask, pages: PageClient) -> None:
    evil = "<script>alert(1)</script>"
    club_session = make_club_session(title=evil, summary=evil, description=f"{evil}\n\nTwo", location=evil)
    for page in (pages.get("/"), pages.get(f"/sessions/{club_session.slug}")):
        assert evil not in page.html and evil in page.text


@pytest.mark.parametrize("path", ["", "/availability", ".ics", "/register"])
def test_draft_and_unknown_sessions_are_not_found(sqlite_app: Flask, pages: PageClient, path: str) -> None:
    for slug in (make_club_session(status=SessionStatus.DRAFT).slug, "no-such-session"):
        assert pages.get(f"/sessions/{slug}{path}").status == 404


# --- For programs ------------------------------------------------------------------------------------------------------------


def test_availability_counts_down_to_the_waitlist(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=3, waitlist_capacity=2)
    seen = []
    for places, waits in ((2, False), (1, False), (1, True), (1, True)):
        registrations.register(club_session.slug, applicant(places=places, accept_waitlist=waits))
        page = pages.get(f"/sessions/{club_session.slug}/availability")
        answer = page.response.get_json()
        jsonschema.validate(answer, AVAILABILITY)
        seen.append(tuple(answer[name] for name in ("status", "capacity", "placesLeft", "waitlistLeft", "waitlistOpen")))
        assert page.headers["Cache-Control"] == "no-store"
    assert seen == [
        ("published", 3, 1, 2, False), ("published", 3, 0, 2, True), ("published", 3, 0, 1, True), ("published", 3, 0, 0, False),
    ]  # fmt: skip


def test_availability_of_a_cancelled_session_says_so(sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_club_session(status=SessionStatus.CANCELLED)
    assert pages.get(f"/sessions/{club_session.slug}/availability").response.get_json()["status"] == "cancelled"


def calendar(pages: PageClient, path: str) -> Any:
    page = pages.get(path)
    assert page.status == 200 and page.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(page.html)


def test_calendar_of_all_sessions_holds_those_to_come(sqlite_app: Flask, pages: PageClient, clock: Any) -> None:
    coming = make_club_session(title="Coming, with a comma; and more")
    make_club_session(title="Gone", starts_at=clock.now - 3 * DAY)
    (event,) = calendar(pages, "/sessions.ics").walk("VEVENT")
    assert event["SUMMARY"] == "Coming, with a comma; and more" and event.decoded("DTSTART") == coming.starts_at
    assert event["URL"] == f"http://muster.test/sessions/{coming.slug}"


def test_calendar_file_of_a_cancelled_session_takes_it_out(sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_club_session(status=SessionStatus.CANCELLED)
    (event,) = calendar(pages, f"/sessions/{club_session.slug}.ics").walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"


# --- Cheap and private -------------------------------------------------------------------------------------------------------


LOOKED_AT = ("/", "/?show=past", "/sessions/{slug}", "/sessions/{slug}/availability", "/sessions.ics", "/sessions/{slug}.ics")


@pytest.mark.parametrize("path", LOOKED_AT)
def test_public_pages_take_one_statement_however_many_sessions(
    sqlite_app: Flask, pages: PageClient, statements: Statements, path: str
) -> None:
    slug = [make_club_session() for _ in range(12)][0].slug
    make_free_club_session(status=SessionStatus.CANCELLED)
    with statements() as seen:
        assert pages.get(path.format(slug=slug)).status == 200
    assert len(seen) == 1, "\n".join(seen)


@pytest.mark.parametrize("path", [*LOOKED_AT, "/club.css", "/no-such-page"])
def test_visitor_who_only_looks_gets_no_cookie(sqlite_app: Flask, pages: PageClient, path: str) -> None:
    assert "Set-Cookie" not in pages.get(path.format(slug=make_club_session().slug)).headers
