"""Writes iCalendar text (RFC 5545): one session for a mail or a download, or a feed of many. Called by services and pages.

The same event gives the same bytes. A change is a higher ``sequence`` under the same ``uid``: calendars replace, never double.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import icalendar
from icalendar import STATUS

PRODUCT = "-//Muster//Club sessions//EN"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x85\u2028\u2029]")
REFRESH = timedelta(hours=1)
"""How often a subscribed calendar is asked to come back."""


@dataclass(frozen=True, slots=True)
class Event:
    """One club session as a calendar shows it. Times are aware; ``changed_at`` is when its details last changed."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime
    title: str
    location: str = ""
    url: str = ""
    description: str = ""
    cancelled: bool = False
    organizer: str = ""
    """An e-mail address: files that are mailed name one (RFC 5546), so that a calendar believes the cancellation."""


def uid(slug: str, host: str) -> str:
    """What a club session is called in every file and feed, so that a calendar knows it again."""
    return f"{slug}@{host}"


def event_file(event: Event) -> str:
    """The file for one event: PUBLISH adds or replaces it in a calendar, CANCEL (for a cancelled one) strikes it out."""
    calendar = icalendar.Calendar.new(method="CANCEL" if event.cancelled else "PUBLISH", prodid=PRODUCT)
    return _text(calendar, [event])


def feed(events: Sequence[Event], name: str) -> str:
    """A calendar to subscribe to, in the order given; a cancelled event stays in it, marked so."""
    calendar = icalendar.Calendar.new(method="PUBLISH", prodid=PRODUCT, name=_clean(name))
    calendar.add("REFRESH-INTERVAL", REFRESH, parameters={"VALUE": "DURATION"})  # RFC 7986 §5.7 wants the type named
    calendar.add("X-PUBLISHED-TTL", "PT1H")  # the same for calendars older than RFC 7986
    return _text(calendar, events)


def _text(calendar: icalendar.Calendar, events: Sequence[Event]) -> str:
    if "UID" in calendar:
        del calendar["UID"]  # drawn at random, and meaningless for a file or feed
    for event in events:
        calendar.add_component(_component(event))
    text: bytes = calendar.to_ical()
    return text.decode()


def _clean(text: str) -> str:
    """Line breaks as RFC 5545 escapes them; other control characters have no place in a calendar."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _component(event: Event) -> icalendar.Event:
    """Times are written in UTC: every calendar shows them in its owner's zone, and no zone table has to be sent along."""
    return icalendar.Event.new(
        uid=event.uid,
        sequence=event.sequence,
        stamp=event.changed_at.astimezone(UTC),
        last_modified=event.changed_at.astimezone(UTC),
        start=event.starts_at.astimezone(UTC),
        end=event.ends_at.astimezone(UTC),
        summary=_clean(event.title),
        location=_clean(event.location) or None,
        url=_clean(event.url).replace("\n", "") or None,
        description=_clean(event.description) or None,
        organizer=icalendar.vCalAddress.new(event.organizer) if event.organizer else None,
        status=STATUS.CANCELLED if event.cancelled else STATUS.CONFIRMED,
    )
