"""Tells everybody in a session that its time or place changed, once a change (promise 8).

The edit's transaction writes down what changed and for which bookings; the worker owes their mails in batches, each with how far
it came in one transaction, so that no edit holds the write lock for as long as a session has people. Called by the edit of club
sessions and by the worker. Whoever booked before may then cancel for all of their money until the start: that is
``club_sessions.changed_at`` with ``rules.refunds.after_change``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session

from .. import clock, jobs
from ..extensions import db as flask_db
from ..models import ClubSession, Order, Registration, SessionChange
from ..queries.mailboxes import has_mailbox
from ..rules import telling
from ..rules.statuses import ACTIVE, UNDECIDED, WAITING, RegistrationStatus, SessionStatus
from ..transaction import retried, transaction
from . import due, letters, notices, outbox
from .outbox import Letter

_C, _R, _S = ClubSession, Registration, SessionChange
JOB = "tell_change"
BATCH = 100
"""So many bookings are told in one transaction of ten statements."""
_UNTOLD = select(_S.id).where(_S.told_at.is_(None)).order_by(_S.id)
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
               has_mailbox(_R.email))
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
    """Have the worker tell of a change that was just written to a locked session; returns how many bookings are told.

    Whoever was not told of an earlier change yet is told once, by that one's row, from how they know it to how it is now.
    """
    booked = (_R.club_session_id == before.id, _R.status.in_(ACTIVE), _R.order_id.is_not(None))
    reached = func.count().filter(has_mailbox(_R.email))
    number, last = db.execute(select(reached, func.max(_R.id)).where(*booked)).one()
    if not number:
        return 0
    was = {
        "starts_at": before.starts_at.isoformat(), "ends_at": before.ends_at.isoformat(), "time_zone": before.time_zone,
        "location": before.location,
    }  # fmt: skip
    pending = select(_S.told_up_to, _S.up_to, _S.created_at).where(_S.club_session_id == before.id, _S.told_at.is_(None))
    waiting = [(row.told_up_to, row.up_to, row.created_at) for row in db.execute(pending)]
    moved = select(_R.id, _R.moved_at).where(*booked, _R.moved_at.is_not(None)).order_by(_R.id)
    moved_in = [(row.id, row.moved_at) for row in db.execute(moved)] if waiting else []
    ranges = telling.gaps([(after, up_to) for after, up_to, _ in waiting], last) + telling.moved_in(waiting, moved_in)
    for after, up_to in ranges:
        values = {"club_session_id": before.id, "was": was, "told_up_to": after, "up_to": up_to}
        change_id = db.execute(insert(_S).values(values).returning(_S.id)).scalar_one()
        jobs.enqueue(db, JOB, str(change_id))
    return int(number)


def run(key: str) -> None:
    """The job: tell everybody of this change, batch after batch."""
    while _tell_some(int(key)):
        pass


def tell_due() -> int:
    """Go on with every change that is not told to everybody; how many bookings were gone through."""
    return due.each(due.found(_UNTOLD), _tell_some)


@retried
def _tell_some(change_id: int) -> int:
    """Owe the mails of one batch and note how far it came, in one transaction; how many bookings it went through.

    Locks in the order of the house: the orders, which their mails refer to, and then the session, so that no edit comes between.
    """
    with transaction() as db:
        seen = db.execute(select(_S.club_session_id, _S.told_up_to, _S.up_to, _S.told_at).where(_S.id == change_id)).first()
        if seen is None or seen.told_at is not None:
            return 0
        in_range = (_R.id > seen.told_up_to, _R.id <= seen.up_to, _R.club_session_id == seen.club_session_id)
        found = select(_R.id, _R.order_id).where(*in_range, _R.status.in_(ACTIVE), _R.order_id.is_not(None))
        batch = db.execute(found.order_by(_R.id).limit(BATCH)).all()
        orders = select(Order.id).where(Order.id.in_({row.order_id for row in batch})).order_by(Order.id)
        db.execute(orders.with_for_update(read=True, key_share=True)).all()
        club_session = db.execute(select(_C).where(_C.id == seen.club_session_id).with_for_update(key_share=True)).scalar_one()
        change = db.execute(select(_S.was, _S.told_up_to, _S.created_at).where(_S.id == change_id)).one()
        if change.told_up_to != seen.told_up_to:
            return len(batch)  # another worker was here meanwhile; what is left is found at the next look
        _owe(db, club_session, change_id, change, [row.id for row in batch])
        over = {"told_up_to": seen.up_to, "told_at": clock.now()} if len(batch) < BATCH else {"told_up_to": batch[-1].id}
        db.execute(update(_S).where(_S.id == change_id).values(over))
        return len(batch)


def _owe(db: Session, club_session: ClubSession, change_id: int, change: Row[Any], ids: list[int]) -> None:
    """Owe these bookings the mail, unless there is nothing to tell: it was changed back, is cancelled or over."""
    of_now = (club_session.starts_at.isoformat(), club_session.ends_at.isoformat(), club_session.location)
    was = change.was
    public = club_session.status is SessionStatus.PUBLISHED and club_session.ends_at > clock.now()
    if not ids or not public or of_now == (was["starts_at"], was["ends_at"], was["location"]):
        return
    of_template: dict[str, list[Letter]] = {"session_changed": [], "session_changed_waiting": []}
    for registration, order, context in letters.about_bookings(db, ids):
        if registration.club_session_id != club_session.id or registration.status not in ACTIVE:
            continue
        if registration.moved_at is not None and registration.moved_at > change.created_at:
            continue  # the mail of the move told how it is
        template = "session_changed" if registration.status is RegistrationStatus.REGISTERED else "session_changed_waiting"
        key = f"{template}:{registration.id}:change-{change_id}"
        of_template[template].append(Letter(key, order.email, context | {"was": was}, order.id))
    for template, owed in of_template.items():
        outbox.owe_all(db, template, owed)
        for letter in owed:
            if letter.order_id is not None:
                notices.owe(db, template, letter.dedupe_key, letter.order_id, letter.context)
