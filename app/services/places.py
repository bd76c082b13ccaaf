"""The one writer of a club session's counters (promise 1). Hold, offer, staff add, capacity edit and release all come here.

Each function is a single guarded UPDATE, so no interleaving can take a place that is not there; the CHECK is the backstop.
"""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, case, update
from sqlalchemy.orm import Session

from ..models import ClubSession
from ..rules.statuses import SessionStatus
from . import writes
from .writes import changed, changed_last

_C = ClubSession


def take(
    db: Session, club_session_id: int, places: int, *, promised: bool = False, as_numbered: int | None = None
) -> bool:
    """Take places, or return False: full, not published, or somebody waits. ``promised``: taken for one who waited.

    ``as_numbered``: the number in people's calendars (``calendars``) of what the booker is told; another by now is False as well.
    """
    if as_numbered is None:
        return changed(db, _TAKE_PROMISED if promised else _TAKE, {"of_row": club_session_id, "more": places})
    return changed_last(db, _TAKE_AS_NUMBERED, {"of_row": club_session_id, "more": places, "number": as_numbered})


_OPEN = _C.status == SessionStatus.PUBLISHED
_TAKE = writes.taking(_C.places_taken, _C.capacity, _OPEN, _C.waitlist_taken == 0)
_TAKE_AS_NUMBERED = writes.taking(
    _C.places_taken, _C.capacity, _OPEN, _C.waitlist_taken == 0, _C.calendar_sequence == bindparam("number", type_=Integer)
)
_TAKE_PROMISED = writes.taking(_C.places_taken, _C.capacity, _OPEN)


def take_past_capacity(db: Session, club_session_id: int, places: int) -> bool:
    """The staff's explicit override: what does not fit becomes ``overbooked``, a number everybody sees."""
    after = _C.places_taken + places
    return changed(
        db,
        update(_C)
        .where(_C.id == club_session_id)
        .values(places_taken=after, overbooked=case((after > _C.capacity, after - _C.capacity), else_=0)),
    )


def release(db: Session, club_session_id: int, places: int) -> None:
    """Give places back; what is overbooked shrinks first. Raises when more is given back than was taken."""
    if not changed(db, _RELEASE, {"of_row": club_session_id, "fewer": places}):
        raise AssertionError(f"club session {club_session_id} gave back more places than were taken")


_LEFT = _C.places_taken - bindparam("fewer", type_=Integer)
_RELEASE = (
    update(_C)
    .where(_C.id == bindparam("of_row"), _LEFT >= 0)
    .values(places_taken=_LEFT, overbooked=case((_C.capacity < _LEFT, _LEFT - _C.capacity), else_=0))
)


def join_waitlist(db: Session, club_session_id: int, places: int) -> bool:
    """Take spots on the waitlist, or return False when it is full or there is none."""
    return changed(
        db,
        update(_C)
        .where(
            _C.id == club_session_id,
            _C.status == SessionStatus.PUBLISHED,
            _C.waitlist_capacity.is_not(None),
            _C.waitlist_taken + places <= _C.waitlist_capacity,
        )
        .values(waitlist_taken=_C.waitlist_taken + places),
    )


def leave_waitlist(db: Session, club_session_id: int, places: int) -> None:
    """Give waitlist spots back: left, or promoted to a place."""
    after = _C.waitlist_taken - places
    if not changed(db, update(_C).where(_C.id == club_session_id, after >= 0).values(waitlist_taken=after)):
        raise AssertionError(f"club session {club_session_id} gave back more waitlist spots than were taken")


def set_capacity(db: Session, club_session_id: int, capacity: int) -> None:
    """Change the capacity and evict nobody: what no longer fits is ``overbooked`` until places are freed."""
    over = case((_C.places_taken > capacity, _C.places_taken - capacity), else_=0)
    db.execute(update(_C).where(_C.id == club_session_id).values(capacity=capacity, overbooked=over))
