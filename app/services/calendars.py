"""Numbers the changes of a club session in people's calendars: a calendar follows the highest SEQUENCE it has seen of a UID.

Called by whatever takes a confirmed booking away, in its transaction with the club session locked.
"""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..models import ClubSession


def strike_out(db: Session, club_session_id: int) -> int:
    """The number for striking one person's entry out; the session goes on with the one after it.

    So somebody who cancels and books again is confirmed under a higher number than their cancellation had.
    """
    onward = update(ClubSession).where(ClubSession.id == club_session_id)
    onward = onward.values(calendar_sequence=ClubSession.calendar_sequence + 2).execution_options(synchronize_session=False)
    db.execute(onward)
    return current(db, club_session_id) - 1


def current(db: Session, club_session_id: int) -> int:
    """The number of the session as it is now."""
    return db.execute(select(ClubSession.calendar_sequence).where(ClubSession.id == club_session_id)).scalar_one()
