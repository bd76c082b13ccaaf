"""Calendar files: parsed back they say what went in, they are the same bytes each time, and no text can break out of its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import icalendar
import pytest

from app.integrations.calendar_file import Event, event_file, feed

AUCKLAND = ZoneInfo("Pacific/Auckland")
EVENING = Event(
    uid="session-7@club.example",
    sequence=2,
    starts_at=datetime(2026, 12, 3, 19, 0, tzinfo=AUCKLAND),
    ends_at=datetime(2026, 12, 3, 21, 30, tzinfo=AUCKLAND),
    changed_at=datetime(2026, 11, 1, 9, 0, tzinfo=UTC),
    title="Badminton; Ngā Tūī, evening",
    location="Hall 2, 12 Beach Road",
    url="https://club.example/sessions/badminton",
    description="Bring indoor shoes.\nRackets can be borrowed.",
)


def only_event(text: str) -> icalendar.Event:
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    return event


def test_an_event_read_back_says_what_went_in() -> None:
    text = event_file(EVENING)
    event = only_event(text)
    assert event["SUMMARY"] == EVENING.title
    assert event["LOCATION"] == EVENING.location
    assert event["DESCRIPTION"] == EVENING.description
    assert event["URL"] == EVENING.url
    assert event["UID"] == EVENING.uid
    assert event["SEQUENCE"] == 2
    assert event["STATUS"] == "CONFIRMED"
    assert event.start == EVENING.starts_at and event.end == EVENING.ends_at
    assert "DTSTART:20261203T060000Z" in text, "19:00 of an Auckland summer evening is 06:00 UTC"
    assert icalendar.Calendar.from_ical(text)["METHOD"] == "PUBLISH"


def test_a_cancelled_event_strikes_itself_out() -> None:
    text = event_file(replace(EVENING, cancelled=True, sequence=3))
    assert icalendar.Calendar.from_ical(text)["METHOD"] == "CANCEL"
    assert only_event(text)["STATUS"] == "CANCELLED"
    assert only_event(text)["UID"] == EVENING.uid


def test_the_same_event_is_the_same_bytes() -> None:
    assert event_file(EVENING) == event_file(EVENING)
    assert feed([EVENING], "The Club") == feed([EVENING], "The Club")


def test_lines_end_in_crlf_and_are_folded_at_75_octets() -> None:
    text = event_file(replace(EVENING, title="ā" * 200, description="x" * 500))
    lines = text.encode().split(b"\r\n")
    assert lines[-1] == b"" and b"\n" not in b"".join(lines) and b"\r" not in b"".join(lines)
    assert max(map(len, lines)) <= 75
    assert only_event(text)["SUMMARY"] == "ā" * 200


@pytest.mark.parametrize("text", [
    "Talk\r\nATTENDEE:mailto:x@example.org", "Talk\rATTENDEE:mailto:x@example.org", "Talk\nATTENDEE:mailto:x@example.org",
    "Talk\x0bATTENDEE:mailto:x@example.org", "Talk\u2028ATTENDEE:mailto:x@example.org", "Talk\x85ATTENDEE:mailto:x@example.org",
])  # fmt: skip
@pytest.mark.parametrize("name", ["title", "location", "url", "description"])
def test_no_text_breaks_out_of_its_line(name: str, text: str) -> None:
    written = event_file(replace(EVENING, **{name: text}))
    assert not [line for line in written.splitlines() if line.startswith("ATTENDEE")]
    assert "ATTENDEE" not in only_event(written)


def test_a_feed_holds_every_event_and_keeps_cancelled_ones_marked() -> None:
    text = feed([EVENING, replace(EVENING, uid="session-8@club.example", cancelled=True)], "Harbour Club")
    calendar = icalendar.Calendar.from_ical(text)
    assert calendar["METHOD"] == "PUBLISH"
    assert calendar["X-WR-CALNAME"] == "Harbour Club"
    assert [str(e["UID"]) for e in calendar.walk("VEVENT")] == ["session-7@club.example", "session-8@club.example"]
    assert [str(e["STATUS"]) for e in calendar.walk("VEVENT")] == ["CONFIRMED", "CANCELLED"]


def test_an_empty_feed_is_still_a_calendar() -> None:
    assert icalendar.Calendar.from_ical(feed([], "Harbour Club")).walk("VEVENT") == []
