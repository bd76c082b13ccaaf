"""Who would get a message to a session's people, and what became of those that were sent. Called by the desk and the service.

Each function runs one or two statements, however many people there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, or_, select

from ..extensions import db
from ..models import Announcement, ClubSession, OutgoingEmail, Registration
from ..rules.announcements import IN_GROUP, Group
from ..rules.statuses import PaymentState
from . import desk_people
from .desk import Page, rows_of_page
from .desk_record import MailState
from .mailboxes import has_mailbox

_A, _C, _M, _R = Announcement, ClubSession, OutgoingEmail, Registration
HIGHEST_ID = 2**63 - 1
"""A larger number is no id of ours, and the database would not take it."""
STATE = case((_M.sent_at.is_not(None), "sent"), (_M.failed_at.is_not(None), "failed"), else_="owed")
_HAS_MAILBOX = has_mailbox(_R.email)


@dataclass(frozen=True, slots=True)
class Audience:
    """A session and how many people each group of it has; somebody may be in two. Those without an address are not counted."""

    slug: str
    title: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    sizes: Mapping[Group, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a message to some groups would reach: so many mails, and so many people who gave no address."""

    people: int
    without_address: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent, by whom, and how many of its mails are in each state."""

    id: int
    subject: str
    text: str
    groups: Sequence[Group]
    recipients: int
    actor: str
    by: str | None
    created_at: datetime
    states: Mapping[MailState, int]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person of a message and how far their mail is."""

    email_id: int
    name: str
    to: str
    state: MailState
    next_attempt_at: datetime
    sent_at: datetime | None
    last_error: str | None
    registration_token: str


def dedupe_key(announcement_id: int, registration_id: int) -> str:
    """What the mail of one message to one registration is called in the outbox: it is there once."""
    return f"announcement:{announcement_id}:{registration_id}"


def in_groups(groups: Collection[Group]) -> ColumnElement[bool]:
    """The registrations of any of these groups, as a condition."""
    return or_(*(_in_group(group) for group in groups))


def audience(slug: str) -> Audience | None:
    """The session with its groups, or None. Two statements."""
    columns = (_C.slug, _C.title, _C.location, _C.starts_at, _C.ends_at, _C.time_zone)
    row = db.session.execute(select(_C.id, *columns).where(_C.slug == slug)).first()
    if row is None:
        return None
    sizes = [func.count().filter(_in_group(group), _HAS_MAILBOX).label(group.value) for group in Group]
    counted = db.session.execute(select(*sizes).where(_R.club_session_id == row.id)).one()
    facts = {name: value for name, value in row._mapping.items() if name != "id"}
    return Audience(**facts, sizes={group: int(getattr(counted, group.value)) for group in Group})


def reach(slug: str, groups: Collection[Group]) -> Reach:
    """Whom a message to these groups would reach now. One statement."""
    meant = (_R.club_session_id == _id(slug), in_groups(groups))
    people, without = func.count().filter(_HAS_MAILBOX), func.count().filter(~_HAS_MAILBOX)
    row = db.session.execute(select(people, without).where(*meant)).one()
    return Reach(int(row[0]), int(row[1]))


def of_session(slug: str) -> list[Sent]:
    """What was sent to this session's people, newest first. Two statements."""
    return _sent(_A.club_session_id == _id(slug))


def one(slug: str, announcement_id: int) -> Sent | None:
    """One message to this session's people, or None. Two statements."""
    if announcement_id > HIGHEST_ID:
        return None
    return next(iter(_sent(and_(_A.club_session_id == _id(slug), _A.id == announcement_id))), None)


def recipients(announcement_id: int, number: int = 1) -> Page[Recipient]:
    """Each person of a message: failed first, then those still to be sent. Two statements."""
    statement = (
        select(_M.id, _R.name, _M.to, STATE.label("state"), _M.next_attempt_at, _M.sent_at, _M.last_error, _R.token)
        .select_from(_A)
        .join(_R, _R.club_session_id == _A.club_session_id)
        .join(_M, _M.dedupe_key == _key())
        .where(_A.id == announcement_id)
        .order_by(case({"failed": 0, "owed": 1}, value=STATE, else_=2), func.lower(_R.name), _M.id)
    )
    rows, number, total = rows_of_page(statement, number)
    found = [Recipient(r.id, r.name, r.to, MailState(r.state), *r[4:]) for r in rows]
    return Page(found, number, total)


def _sent(which: ColumnElement[bool]) -> list[Sent]:
    counts = [func.count(_M.id).filter(state.value == STATE).label(state.value) for state in MailState]
    rows = db.session.execute(
        select(_A.id, _A.subject, _A.text, _A.groups, _A.recipients, _A.actor, _A.created_at, *counts)
        .select_from(_A)
        .join(_R, _R.club_session_id == _A.club_session_id)
        .outerjoin(_M, _M.dedupe_key == _key())
        .where(which)
        .group_by(_A.id)
        .order_by(_A.id.desc())
    ).all()
    names = desk_people.names(row.actor for row in rows)
    return [
        Sent(row.id, row.subject, row.text, [Group(group) for group in row.groups], row.recipients, row.actor,
             names.get(row.actor), row.created_at, {state: int(getattr(row, state.value)) for state in MailState})
        for row in rows
    ]  # fmt: skip


def _in_group(group: Group) -> ColumnElement[bool]:
    condition = _R.status.in_(IN_GROUP[group])
    return and_(condition, _R.payment_status == PaymentState.PENDING) if group is Group.UNPAID else condition


def _key() -> ColumnElement[str]:
    """``dedupe_key`` as SQL, which its unique index answers."""
    return literal("announcement:") + cast(_A.id, String) + literal(":") + cast(_R.id, String)


def _id(slug: str) -> Any:
    return select(_C.id).where(_C.slug == slug).scalar_subquery()
