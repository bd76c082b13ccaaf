"""What the check pages of changes to bookings say: the price or the difference, and how full a session would be afterwards.

Called by the desk. Each is a guess that the service makes again under its locks: when it no longer fits, it asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from ..extensions import db
from ..models import ClubSession, OrderItem, Registration
from ..rules.capacity import overbooked_after
from ..rules.pricing import Quote
from ..rules.statuses import SessionStatus
from . import desk_quotes

MOST_SESSIONS = 200


@dataclass(frozen=True, slots=True)
class Effect:
    """A session, what is charged more (below zero: less), and how it would stand with ``places`` more places taken."""

    session: ClubSession
    cents: int
    places: int
    quote: Quote | None = None

    @property
    def taken_after(self) -> int:
        return self.session.places_taken + self.places

    @property
    def over(self) -> int:
        """How far past its capacity the session would be by it; 0 when it fits."""
        return overbooked_after(self.session.capacity, self.taken_after) if self.places > 0 else 0


def adding(slug: str, email: str | None, places: int, now: datetime) -> Effect | None:
    """What a new booking costs by the session's own price. None when there is no such session."""
    club_session = _session(slug)
    if club_session is None:
        return None
    quote = desk_quotes.for_address(db.session(), club_session, email, places, now)
    return Effect(club_session, quote.total_cents, places, quote)


def moving(registration: Registration, slug: str, now: datetime) -> Effect | None:
    """What a booking costs more in another session."""
    club_session = _session(slug)
    if club_session is None:
        return None
    return Effect(
        club_session, desk_quotes.move_difference(db.session(), registration, club_session, now), registration.places
    )


def changing_places(registration: Registration, club_session: ClubSession, places: int, now: datetime) -> Effect:
    """What another number of places costs more."""
    own = (OrderItem.registration_id == registration.id, OrderItem.order_id == registration.order_id)
    item = db.session.execute(select(OrderItem).where(*own)).scalar_one()
    cents = desk_quotes.places_difference(db.session(), registration, item, club_session, places, now)
    return Effect(club_session, cents, places - registration.places)


@dataclass(frozen=True, slots=True)
class Target:
    """A session to move to; ``left`` are its free places."""

    slug: str
    title: str
    starts_at: datetime
    time_zone: str
    left: int


def targets(registration: Registration, currency: str, now: datetime) -> Sequence[Target]:
    """Sessions that a booking may be moved to: published, not over, in its currency, soonest first."""
    open_still = (ClubSession.status == SessionStatus.PUBLISHED, ClubSession.ends_at > now, ClubSession.currency == currency)
    found = select(ClubSession).where(*open_still, ClubSession.id != registration.club_session_id)
    rows = db.session.execute(found.order_by(ClubSession.starts_at, ClubSession.id).limit(MOST_SESSIONS)).scalars()
    return [Target(s.slug, s.title, s.starts_at, s.time_zone, max(0, s.capacity - s.places_taken)) for s in rows]


def _session(slug: str) -> ClubSession | None:
    return db.session.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
