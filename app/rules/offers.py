"""How long somebody from the waitlist has to say yes. Called when an offer is made and when its mail was handed over.

The published rule: a day, less as the start nears; nights do not count while the start is far enough away.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

LADDER = (
    (timedelta(hours=48), timedelta(hours=24)),
    (timedelta(hours=12), timedelta(hours=2)),
    (timedelta(hours=3), timedelta(minutes=30)),
)
"""(more than this before the start, this long to answer); nearer than the last: ``SHORTEST``."""
SHORTEST = timedelta(minutes=10)
WAKES, SLEEPS = time(8), time(22)
NEAR = timedelta(hours=12)
"""Nearer than this to the start, nights count like days: the place would be lost otherwise."""


def time_to_answer(offered_at: datetime, starts_at: datetime) -> timedelta:
    """How much waking time an offer gives, by how far away the start is."""
    left = starts_at - offered_at
    return next((answer for more_than, answer in LADDER if left > more_than), SHORTEST)


def deadline(offered_at: datetime, starts_at: datetime, zone: str) -> datetime:
    """When an offer ends: its waking time from ``offered_at`` in the session's zone, and never after the start."""
    span = time_to_answer(offered_at, starts_at)
    near = starts_at - offered_at <= NEAR
    ends = offered_at + span if near else _awake(offered_at, span, ZoneInfo(zone))
    return min(ends, starts_at)


def _awake(start: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
    """``start`` plus ``span`` of the hours between WAKES and SLEEPS, counted on the local clock, day by day."""
    if span >= timedelta(hours=24):  # a whole day holds one night: only a deadline that falls into a night moves to the morning
        return _morning(start + span, zone)
    moment = _morning(start, zone)
    tonight = _at(moment, SLEEPS, zone)
    if moment + span <= tonight:
        return moment + span
    rest = span - (tonight - moment)
    return _at(moment + timedelta(days=1), WAKES, zone) + rest


def _morning(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment itself by day; the next 08:00 by night."""
    local = moment.astimezone(zone).time()
    if local < WAKES:
        return _at(moment, WAKES, zone)
    return _at(moment + timedelta(days=1), WAKES, zone) if local >= SLEEPS else moment


def _at(day: datetime, hour: time, zone: ZoneInfo) -> datetime:
    """``hour`` o'clock on the local date of ``day``, back in the time zone that ``day`` came in."""
    return datetime.combine(day.astimezone(zone).date(), hour, zone).astimezone(day.tzinfo)
