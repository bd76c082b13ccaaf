"""Offers places to accepted applicants, and what comes free to the next in reserve, in the order they were put there.

``roll`` runs inside whatever transaction freed a place, through ``waitlist.deal``; ``offer`` also when the committee accepts.
Nobody in reserve is offered a place that never was somebody's: those the committee gives by accepting.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ..models import ClubSession, Registration
from ..rules import offers as offer_rules
from ..rules.statuses import REGISTRATION_MOVES, UNDECIDED, RegistrationStatus, sources
from . import application_letters, audit, places
from .writes import changed


def roll(db: Session, club_session: ClubSession, freed: int, free: int, actor: str, now: datetime) -> int:
    """Offer ``freed`` places, as far as they are free, to the next in reserve who fit; how many bookings were served.

    The session's row is locked. A group is served whole or not at all; who does not fit keeps their turn.
    """
    if min(freed, free) <= 0:
        return 0
    served = 0
    for registration in db.execute(_IN_RESERVE, {"club_session_id": club_session.id}).scalars().all():
        if min(freed, free) <= 0:
            break
        if registration.places > free:
            continue
        if not places.take(db, club_session.id, registration.places, promised=True):
            raise AssertionError("a place that was free under the lock is gone")
        offer(db, club_session, registration, actor, now, rolled=True)
        freed, free, served = freed - registration.places, free - registration.places, served + 1
    return served


_IN_RESERVE = (
    select(Registration)
    .where(
        Registration.club_session_id == bindparam("club_session_id"), Registration.status == RegistrationStatus.IN_RESERVE
    )
    .order_by(Registration.reserved_at, Registration.id)
)


def offer(
    db: Session, club_session: ClubSession, registration: Registration, actor: str, now: datetime,
    *, until: datetime | None = None, message: str = "", rolled: bool = False,
) -> None:  # fmt: skip
    """Make an application an offer, for which the places were taken just now, and owe the mail that says so.

    ``until`` is the committee's deadline; without one the published rule of offers holds. ``rolled``: it was in reserve.
    """
    ends = until or offer_rules.deadline(now, club_session.starts_at, club_session.time_zone)
    move(db, registration, RegistrationStatus.OFFERED, actor, offered_at=now, offer_expires_at=ends)
    if registration.order_id is not None:
        application_letters.accepted(db, registration, now, until=until, message=message, rolled=rolled)


def move(db: Session, registration: Registration, status: RegistrationStatus, actor: str, **values: object) -> None:
    """The guarded move of an undecided application; its row is locked, so losing it is a bug and not a race."""
    allowed = [before for before in sources(REGISTRATION_MOVES, status) if before in UNDECIDED]
    undecided = (Registration.id == registration.id, Registration.status.in_(allowed))
    if not changed(db, update(Registration).where(*undecided).values(status=status, **values)):
        raise AssertionError(f"registration {registration.id} moved while it was locked")
    audit.record(db, actor, status, "registration", registration.id, places=registration.places)
