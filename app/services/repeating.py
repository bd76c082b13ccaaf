"""Repeats a session every week, by the clock on the wall, all of its dates or none. Called by the desk.

``plan`` says what would be made and changes nothing; ``repeat_weekly`` makes just that, or says that it is another plan by now.
A date that the series has already is not made twice, however often somebody presses the button.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession
from ..models.columns import new_token
from ..rules import repeating
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import SessionStatus
from ..transaction import retried, transaction
from . import audit, club_sessions
from .club_session_actions import moved_fields

_C = ClubSession


class AnotherPlan(Refusal):
    """The session or its series was changed between the list of dates and the button."""

    status = 409
    text = words("Something changed since these dates were listed. Look at them again.")


@dataclass(frozen=True, slots=True)
class Wish:
    """How often to repeat: for ``weeks`` weeks, or up to and with ``until``; not on the days of ``skip``."""

    weeks: int | None
    until: date | None
    skip: frozenset[date]
    status: SessionStatus


class Fate(StrEnum):
    """What becomes of a date."""

    MADE = "made"
    LEFT_OUT = "left_out"
    PAST = "past"
    THERE = "there"
    """The series has a session on that day already."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of the repetition. ``late``: the clocks skip its time that night, so it starts later than it should."""

    on: date
    starts_at: datetime
    ends_at: datetime
    fate: Fate
    late: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Every date with its fate. ``strangers`` are days to leave out that were none of the dates anyway."""

    occurrences: list[Occurrence]
    strangers: list[date]
    time_zone: str
    fingerprint: str
    """Another once the list would be another."""

    @property
    def made(self) -> list[Occurrence]:
        return [one for one in self.occurrences if one.fate is Fate.MADE]


def plan(slug: str, wish: Wish) -> Plan:
    """What repeating would make. Raises SessionNotFound, or InvalidInput when there is nothing to make."""
    db = flask_db.session()
    row = db.execute(select(*club_sessions.COLUMNS).where(_C.slug == slug)).first()
    if row is None:
        raise SessionNotFound
    return _plan(db, row, wish)


@retried
def repeat_weekly(slug: str, wish: Wish, actor: str, *, seen: str) -> list[str]:
    """Make the sessions of the plan that was ``seen`` and return their slugs. Raises as ``plan``, and AnotherPlan."""
    with transaction() as db:
        row = club_sessions.locked(db, slug)  # a second press waits here, and then finds its dates taken
        planned = _plan(db, row, wish)
        if planned.fingerprint != seen:
            raise AnotherPlan
        series = row.series or new_token()
        if row.series is None:
            db.execute(update(_C).where(_C.id == row.id).values(series=series).execution_options(synchronize_session=False))
        made = [_make(db, row, one, wish.status, series, actor) for one in planned.made]
        audit.record(db, actor, "session_repeated", "club_session", row.id, series=series, slugs=made)
        return made


def _make(db: Session, row: Row[Any], one: Occurrence, status: SessionStatus, series: str, actor: str) -> str:
    by = one.on - repeating.wall(row.starts_at, row.time_zone).date()
    fields = replace(moved_fields(row, by), status=status)
    return club_sessions.add_club_session(db, fields, actor, series=series, copied_from=row.slug)


def _plan(db: Session, row: Row[Any], wish: Wish) -> Plan:
    first = repeating.wall(row.starts_at, row.time_zone).date()
    _check(first, wish)
    there = _days_of_series(db, row)
    days = repeating.weekly_days(first, weeks=wish.weeks, until=wish.until)
    occurrences = [_occurrence(row, first, on, wish, there) for on in days]
    if not any(one.fate is Fate.MADE for one in occurrences):
        raise InvalidInput("weeks", words("No date is left to make a session on. Look at the weeks and the dates to leave out"))
    strangers = sorted(wish.skip - {one.on for one in occurrences})
    told = [str(wish.status), *(f"{one.on} {one.starts_at} {one.ends_at} {one.fate}" for one in occurrences)]
    return Plan(occurrences, strangers, row.time_zone, hashlib.sha256("\n".join(told).encode()).hexdigest()[:32])


def _check(first: date, wish: Wish) -> None:
    """Raise InvalidInput for a wish that cannot be meant."""
    last = first + repeating.WEEK * repeating.MOST_WEEKS
    if wish.weeks is None and wish.until is None:
        raise InvalidInput("weeks", words("Enter for how many weeks, or until when"))
    if wish.weeks is not None and wish.until is not None:
        raise InvalidInput("until", words("Enter either a number of weeks or a last date, not both"))
    if wish.weeks is not None and not 1 <= wish.weeks <= repeating.MOST_WEEKS:
        raise InvalidInput("weeks", words("Enter a number of weeks from 1 to 52"))
    if wish.until is not None and not first + repeating.WEEK <= wish.until <= last + timedelta(days=6):
        raise InvalidInput("until", words("Enter a date a week or more after this session, and no more than a year"))


def _days_of_series(db: Session, row: Row[Any]) -> set[date]:
    if row.series is None:
        return set()
    starts = db.execute(select(_C.starts_at).where(_C.series == row.series)).scalars()
    return {repeating.wall(at, row.time_zone).date() for at in starts}


def _occurrence(row: Row[Any], first: date, on: date, wish: Wish, there: set[date]) -> Occurrence:
    by = on - first
    starts_at, ends_at = repeating.moved_span(row.starts_at, row.ends_at, row.time_zone, by)
    if on in wish.skip:
        fate = Fate.LEFT_OUT
    elif starts_at <= clock.now():
        fate = Fate.PAST
    else:
        fate = Fate.THERE if on in there else Fate.MADE
    late = repeating.wall(starts_at, row.time_zone) != repeating.wall(row.starts_at, row.time_zone) + by
    return Occurrence(on, starts_at, ends_at, fate, late)
