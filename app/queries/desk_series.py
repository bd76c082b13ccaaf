"""The sessions that were repeated from one another, as the desk lists them. Called by the admin blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, func, select

from ..extensions import db
from ..models import ClubSession
from ..rules.capacity import Counters
from ..rules.statuses import SessionStatus

_C = ClubSession
MOST = 500
"""What one page lists: more than eight years of weeks."""


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One session of a series."""

    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    status: SessionStatus
    counters: Counters


def of(slug: str) -> list[SeriesLine]:
    """The whole series of a session, soonest first; empty when it belongs to none. One statement."""
    rows = db.session.execute(
        select(
            _C.slug, _C.title, _C.starts_at, _C.ends_at, _C.time_zone, _C.status,
            _C.capacity, _C.places_taken, _C.overbooked, _C.waitlist_capacity, _C.waitlist_taken,
        ).where(_C.series == _series(slug)).order_by(_C.starts_at, _C.id).limit(MOST)
    ).all()  # fmt: skip
    return [
        SeriesLine(
            row.slug, row.title, row.starts_at, row.ends_at, row.time_zone, row.status,
            Counters(row.capacity, row.places_taken, row.overbooked, row.waitlist_capacity, row.waitlist_taken),
        )
        for row in rows
    ]  # fmt: skip


def following(slug: str, now: datetime) -> int:
    """How many sessions of the series follow this one and can still be changed. One statement."""
    starts_at = select(_C.starts_at).where(_C.slug == slug).scalar_subquery()
    open_ones = _C.status.in_([SessionStatus.DRAFT, SessionStatus.PUBLISHED])
    counting = select(func.count()).where(_C.series == _series(slug), open_ones, _C.starts_at > starts_at, _C.starts_at > now)
    return db.session.execute(counting).scalar_one()


def _series(slug: str) -> ScalarSelect[str | None]:
    return select(_C.series).where(_C.slug == slug).scalar_subquery()
