"""Reminds people 30 and 7 days before their membership ends, once each, unless the next one is there. The worker's scan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session, aliased

from .. import clock
from ..config import current_settings
from ..models import Membership, User
from ..queries import memberships
from ..rules.memberships import REMINDERS, reminder_due
from ..transaction import retried, transaction
from . import due, outbox
from .writes import changed

BATCH = 100


def remind_due() -> int:
    """Owe the reminders that are due today in the club's zone; how many."""
    today = memberships.club_today(clock.now())
    days = {"today": today, "first": today + timedelta(days=REMINDERS[0]), "last": today + timedelta(days=REMINDERS[-1])}
    return due.each(due.found(_DUE, **days), _remind)


_other = aliased(Membership)
_later = select(_other.id).where(
    _other.user_id == Membership.user_id, _other.ends_on > Membership.ends_on, _other.revoked_at.is_(None)
)
_first_due = Membership.reminded_days.is_(None) & (Membership.ends_on <= bindparam("first"))
_last_due = (Membership.reminded_days > REMINDERS[-1]) & (Membership.ends_on <= bindparam("last"))
_DUE = (
    select(Membership.id)
    .where(Membership.revoked_at.is_(None), Membership.ends_on >= bindparam("today"), Membership.starts_on <= bindparam("today"))
    .where(or_(_first_due, _last_due), ~_later.exists())
    .order_by(Membership.ends_on, Membership.id)
    .limit(BATCH)
)


@retried
def _remind(membership_id: int) -> bool:
    today = memberships.club_today(clock.now())
    with transaction() as db:
        row = db.execute(
            select(Membership.ends_on, Membership.reminded_days, User.id.label("user_id"), User.email, User.name)
            .join(User, User.id == Membership.user_id)
            .where(Membership.id == membership_id, Membership.revoked_at.is_(None))
            .with_for_update(of=Membership)
        ).one_or_none()
        days = None if row is None else reminder_due(row.ends_on, today, row.reminded_days)
        if row is None or days is None:
            return False
        if not changed(db, update(Membership).where(Membership.id == membership_id).values(reminded_days=days)):
            return False
        _owe(db, membership_id, row, days)
        return True


def _owe(db: Session, membership_id: int, row: Any, days: int) -> None:
    settings = current_settings()
    context = {
        "site_name": settings.site_name,
        "name": row.name,
        "ends_on": row.ends_on.isoformat(),
        "membership_url": f"{settings.site_url}/membership",
    }
    key = f"membership_ending:{membership_id}:{row.ends_on.isoformat()}:{days}"
    outbox.owe(db, dedupe_key=key, to=row.email, template="membership_ending", context=context)
