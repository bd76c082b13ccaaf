"""What staff do to a session besides editing it: copy it to another day, publish it, take it back, say that it is over.

Called by the desk. Each is one transaction with an entry on the record. Cancelling, which tells people and gives money back, is
in ``winding_up``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession
from ..rules import repeating
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import SESSION_MOVES, SessionStatus, sources
from ..transaction import retried, transaction
from . import audit, club_sessions, listing_reviews, waitlist
from .club_session_fields import EARLIEST, LATEST, TIMES, ClubSessionFields
from .writes import changed

_C = ClubSession


class NotSoNow(Refusal):
    """Somebody else was faster, or the page is an old one."""

    status = 409
    text = words("This session is not in a state for that any more. Look at what it says now.")


class PeopleAreIn(Refusal):
    status = 409
    text = words(
        "People are registered, waiting or paying, so it cannot become a draft: its page would be gone for them. "
        "Cancel the session instead: then they are told and refunded."
    )


class StartsInThePast(Refusal):
    text = words("This session starts in the past. Edit its date first, then publish it.")


class NotYetOver(Refusal):
    text = words("This session has not started yet. Complete it when it is over.")


def moved_fields(row: Row[Any], by: timedelta) -> ClubSessionFields:
    """A session's fields on another day: every time moved by the clock on the wall, no slug."""
    fields, zone = club_sessions.read(row), row.time_zone
    moments: dict[str, Any] = {name: repeating.moved(at, zone, by) for name in TIMES if (at := getattr(fields, name)) is not None}
    moments |= dict(zip(("starts_at", "ends_at"), repeating.moved_span(row.starts_at, row.ends_at, zone, by), strict=True))
    return replace(fields, slug="", **moments)


@retried
def duplicate(slug: str, on: date, actor: str) -> str:
    """Copy a session to a day as a draft and return the copy's slug. Raises SessionNotFound or InvalidInput at ``on``.

    The copy is the club's own: it has no host, no bookings and no series.
    """
    if not EARLIEST.date() < on < LATEST.date():
        raise InvalidInput("on", words("Enter a date in the future, before the year 2100"))
    with transaction() as db:
        before = club_sessions.locked(db, slug)
        by = timedelta(days=(on - repeating.wall(before.starts_at, before.time_zone).date()).days)
        fields = replace(moved_fields(before, by), status=SessionStatus.DRAFT)
        if fields.starts_at <= clock.now():
            raise InvalidInput("on", words("Enter a date in the future, before the year 2100"))
        return club_sessions.add_club_session(db, fields, actor, copied_from=slug)


@retried
def publish(slug: str, actor: str) -> None:
    """Show a draft to everybody. Raises SessionNotFound, StartsInThePast or NotSoNow."""
    with transaction() as db:
        listing_reviews.lock_orders(db, _C.slug == slug)
        publish_one(db, club_sessions.locked(db, slug), actor)


@retried
def publish_series(slug: str, actor: str) -> int:
    """Publish every draft to come of this session's series; how many there were. Raises SessionNotFound."""
    with transaction() as db:
        series = db.execute(select(_C.series).where(_C.slug == slug)).scalar_one_or_none()
        if series is None:
            raise SessionNotFound
        listing_reviews.lock_orders(db, _C.series == series)
        drafts = select(*club_sessions.COLUMNS).where(
            _C.series == series, _C.status == SessionStatus.DRAFT, _C.starts_at > clock.now()
        )
        rows = db.execute(drafts.order_by(_C.id).with_for_update(key_share=True)).all()
        for row in rows:
            publish_one(db, row, actor)
        return len(rows)


def publish_one(db: Session, row: Row[Any], actor: str) -> None:
    """The same for a locked row, inside the caller's transaction, which locked the orders of its listing before."""
    if row.starts_at <= clock.now():
        raise StartsInThePast
    _move(db, row, SessionStatus.PUBLISHED, "session_published", actor)
    listing_reviews.approve(db, row.id, actor)
    waitlist.deal(db, row.id, actor)


@retried
def unpublish(slug: str, actor: str) -> None:
    """Make a published session a draft again. Raises SessionNotFound, PeopleAreIn or NotSoNow."""
    with transaction() as db:
        row = club_sessions.locked(db, slug)  # whoever registers now waits for us, and finds it unpublished
        if club_sessions.is_wanted(db, row.id):
            raise PeopleAreIn
        _move(db, row, SessionStatus.DRAFT, "session_unpublished", actor)


@retried
def complete(slug: str, actor: str) -> None:
    """Say that a session is over, for good. Raises SessionNotFound, NotYetOver or NotSoNow."""
    with transaction() as db:
        row = club_sessions.locked(db, slug)
        if row.starts_at > clock.now():
            raise NotYetOver
        _move(db, row, SessionStatus.COMPLETED, "session_completed", actor)


def _move(db: Session, row: Row[Any], to: SessionStatus, action: str, actor: str) -> None:
    allowed = _C.status.in_(sources(SESSION_MOVES, to))
    if not changed(db, update(_C).where(_C.id == row.id, allowed).values(status=to, updated_at=clock.now())):
        raise NotSoNow
    audit.record(db, actor, action, "club_session", row.id, status=[row.status, to])
