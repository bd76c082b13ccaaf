"""Places that staff hand out: past those who wait, and past capacity only as far as they said (promise 1).

Called by whatever staff do that takes places: adding, moving, more places, out of turn. Inside their transaction.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import ClubSession
from ..rules.capacity import overbooked_after
from ..rules.refusals import InvalidInput, NotEnoughPlaces, SessionNotFound, words
from ..rules.statuses import SessionStatus
from . import audit, places


def lock(db: Session, slug: str) -> ClubSession:
    """The session with its row locked, as it is now. Raises SessionNotFound."""
    statement = select(ClubSession).where(ClubSession.slug == slug).with_for_update(key_share=True)
    club_session = db.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
    if club_session is None:
        raise SessionNotFound
    return club_session


def check_takes_people(club_session: ClubSession) -> None:
    """Raise InvalidInput unless the session is published: a draft has no page for its people, and the others are over."""
    if club_session.status is SessionStatus.DRAFT:
        raise InvalidInput(None, words("This session is a draft. Publish it first."))
    if club_session.status is not SessionStatus.PUBLISHED:
        raise InvalidInput(None, words("This session is over or cancelled."))


def take(db: Session, club_session: ClubSession, wanted: int, overbook_to: int, actor: str, reason: str) -> int:
    """Take places in a locked session; returns how far past its capacity it is by this (0: they fitted).

    Raises NotEnoughPlaces unless they fit or ``overbook_to`` allows as much, InvalidInput when that has no reason.
    """
    check_takes_people(club_session)
    if places.take(db, club_session.id, wanted, promised=True):
        return 0
    over = overbooked_after(club_session.capacity, club_session.places_taken + wanted)
    if over > overbook_to:
        raise NotEnoughPlaces(left=max(0, club_session.capacity - club_session.places_taken))
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
    if not places.take_past_capacity(db, club_session.id, wanted):
        raise AssertionError(f"club session {club_session.id} vanished while it was locked")
    before = club_session.overbooked
    audit.record(db, actor, "overbooked", "club_session", club_session.id, overbooked=[before, over], reason=reason)
    return over
