"""Tells everybody in a session that its time or place changed, in the transaction that changes it (promise 8), once a change.

Called by the edit of club sessions. Whoever booked before may then cancel for all of their money until the start: that is
``club_sessions.changed_at`` with ``rules.refunds.after_change``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession, Registration
from ..rules.addresses import NOWHERE, has_mailbox
from ..rules.statuses import ACTIVE, UNDECIDED, WAITING, RegistrationStatus, SessionStatus
from . import calendars, letters

_C, _R = ClubSession, Registration
WHEN_AND_WHERE = frozenset({"starts_at", "ends_at", "location"})
"""A change of one of these makes plans and the entries in calendars wrong."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many bookings a change is told to."""

    registered: int = 0
    kept: int = 0
    """Paying now, or offered a place."""
    waiting: int = 0
    """On the waitlist, or with an application that is not decided."""

    @property
    def total(self) -> int:
        return self.registered + self.kept + self.waiting


def who_is_told(slugs: Collection[str], changed: Collection[str]) -> Told:
    """How many would be told if these fields of the sessions changed; without an address no mail. One statement, or none."""
    if not WHEN_AND_WHERE & set(changed):
        return Told()
    rows = flask_db.session.execute(
        select(_R.status, func.count()).join(_C, _C.id == _R.club_session_id)
        .where(_C.slug.in_(slugs), _C.status == SessionStatus.PUBLISHED, _C.ends_at > clock.now(), _R.status.in_(ACTIVE),
               _R.email.not_like(f"%{NOWHERE}"))
        .group_by(_R.status)
    )  # fmt: skip
    counts = {status: int(number) for status, number in rows}
    registered = counts.pop(RegistrationStatus.REGISTERED, 0)
    waiting = sum(counts.pop(status, 0) for status in WAITING | UNDECIDED)
    return Told(registered, sum(counts.values()), waiting)


def is_told(before: Row[Any], changed: Collection[str], now: datetime) -> bool:
    """Whether this change of a session is one to tell of: of its time or place, while it is public and not over."""
    return bool(WHEN_AND_WHERE & set(changed)) and before.status is SessionStatus.PUBLISHED and before.ends_at > now


def tell(db: Session, before: Row[Any]) -> int:
    """Owe the mails about a change that was just written to a locked session; returns how many bookings are told."""
    was = {
        "starts_at": before.starts_at.isoformat(), "ends_at": before.ends_at.isoformat(), "time_zone": before.time_zone,
        "location": before.location,
    }  # fmt: skip
    number = calendars.current(db, before.id)
    wanted = select(_R.id, _R.order_id, _R.status, _R.email).where(
        _R.club_session_id == before.id, _R.status.in_(ACTIVE), _R.order_id.is_not(None)
    )
    rows = db.execute(wanted.order_by(_R.id)).all()
    for row in rows:
        template = "session_changed" if row.status is RegistrationStatus.REGISTERED else "session_changed_waiting"
        letters.owe_order_letter(db, template, row.order_id, key=f"{row.id}:{number}", more={"was": was})
    return sum(has_mailbox(row.email) for row in rows)
