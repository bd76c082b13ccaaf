"""Changes a session and those of its series that follow it, all or none. Called by the desk.

What the person changed on the one session, and nothing else, is done to the others: so what was set there differently stays.
Times move by the same difference on the clock. Each session keeps its address and its state, and nobody loses a place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import format_date  # type: ignore[import-untyped]
from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession
from ..queries import desk_sessions
from ..rules import repeating
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import SessionStatus
from ..transaction import retried, transaction
from . import club_sessions, listing_reviews
from .club_session_fields import TIMES, ClubSessionFields, FieldsRefused
from .club_sessions import ChangedMeanwhile

_C = ClubSession
OF_ONE = ("slug", "status")
"""What is each session's own."""


class FollowerRefuses(Refusal):
    """A session that was set differently cannot take the change; none was made."""

    text = words(
        "The session on %(day)s cannot take these changes, because its times or prices were set differently. "
        "Nothing was changed. Change that session on its own first, or save only this one."
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One session as it is and as it would be."""

    slug: str
    title: str
    before: ClubSessionFields
    after: ClubSessionFields
    places_taken: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be changed where. ``changed``: names of the fields; the first line is the session itself."""

    lines: list[Line]
    changed: frozenset[str]
    fingerprint: str
    """Another once the list would be another."""

    @property
    def slugs(self) -> list[str]:
        """The sessions that are changed."""
        return [line.slug for line in self.lines]


def plan(slug: str, fields: ClubSessionFields, *, seen: str | None) -> Plan:
    """What these fields would change in this session and in those that follow. Raises as ``edit_following`` does."""
    db = flask_db.session()
    return _plan(db, db.execute(_wanted(db, slug)).all(), slug, fields, seen)


@retried
def edit_following(slug: str, fields: ClubSessionFields, actor: str, *, seen: str | None, confirmed: str) -> Plan:
    """Change the session and those that follow, just as the plan with the fingerprint ``confirmed`` said.

    Raises SessionNotFound, FieldsRefused or SlugTaken about the session itself, FollowerRefuses about another, InvalidInput for
    what cannot be done to several, and ChangedMeanwhile when it is no longer what was ``seen`` or confirmed.
    """
    with transaction() as db:
        listing_reviews.lock_orders(db, _C.slug == slug)  # its followers keep their status: theirs stay as they are
        rows = db.execute(_wanted(db, slug).order_by(_C.id).with_for_update(key_share=True)).all()
        planned = _plan(db, rows, slug, fields, seen)
        if planned.fingerprint != confirmed:
            raise ChangedMeanwhile
        by_slug = {row.slug: row for row in rows}
        for line in planned.lines:
            club_sessions.change(db, by_slug[line.slug], line.after, actor)
        return planned


def _wanted(db: Session, slug: str) -> Select[Any]:
    """The session and those to come that follow it in its series and can still be changed."""
    this = db.execute(select(_C.id, _C.series, _C.starts_at).where(_C.slug == slug)).first()
    if this is None:
        raise SessionNotFound
    following = (
        (_C.series == this.series) & (_C.starts_at > max(this.starts_at, clock.now()))
        & _C.status.in_([SessionStatus.DRAFT, SessionStatus.PUBLISHED])
    )  # fmt: skip
    return select(*club_sessions.COLUMNS).where(or_(_C.id == this.id, following))


def _plan(db: Session, rows: Sequence[Row[Any]], slug: str, fields: ClubSessionFields, seen: str | None) -> Plan:
    this = next((row for row in rows if row.slug == slug), None)
    if this is None:
        raise SessionNotFound
    if seen is not None and seen != desk_sessions.fingerprint(this):
        raise ChangedMeanwhile
    changes = club_sessions.check(db, this, fields)
    for name in ("time_zone", "currency"):
        if name in changes:
            raise InvalidInput(name, words("This can be changed only for one session at a time"))
    followers = sorted((row for row in rows if row.id != this.id), key=lambda row: (row.starts_at, row.id))
    shared = {name: value for name, value in changes.items() if name not in OF_ONE}
    lines = [Line(this.slug, fields.title, club_sessions.read(this), fields, this.places_taken)]
    lines += [_line(db, row, this, shared) for row in followers]
    told = [desk_sessions.fingerprint(row) for row in (this, *followers)] + [repr(sorted(changes.items()))]
    return Plan(lines, frozenset(changes), hashlib.sha256("\n".join(told).encode()).hexdigest()[:32])


def _line(db: Session, row: Row[Any], this: Row[Any], shared: dict[str, Any]) -> Line:
    before = club_sessions.read(row)
    values: dict[str, Any] = {name: _moved(row, this, name, value) if name in TIMES else value for name, value in shared.items()}
    after = replace(before, **values)
    try:
        club_sessions.check(db, row, after)
    except FieldsRefused:
        day = format_date(repeating.wall(row.starts_at, row.time_zone).date(), "full")
        raise FollowerRefuses(day=day) from None
    return Line(row.slug, after.title, before, after, row.places_taken)


def _moved(row: Row[Any], this: Row[Any], name: str, wanted: datetime | None) -> datetime | None:
    """A time of a follower: moved as far as this session's was; one that it did not have, as far from its day as here."""
    if wanted is None:
        return None
    own, was = getattr(row, name), getattr(this, name)
    if own is not None and was is not None:
        by = repeating.wall(wanted, this.time_zone) - repeating.wall(was, this.time_zone)
        return repeating.moved(own, row.time_zone, by)
    days = repeating.wall(row.starts_at, this.time_zone).date() - repeating.wall(this.starts_at, this.time_zone).date()
    return repeating.moved(wanted, this.time_zone, timedelta(days=days.days))
