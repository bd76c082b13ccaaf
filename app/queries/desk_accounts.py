"""Who has an account, for the desk: found by name, address or the reference of anything they booked. Called by the people pages.

However many people and bookings there are, a page takes three statements, a search one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select

from ..config import current_settings
from ..extensions import db
from ..models import ClubSession, Membership, Order, Registration, User
from ..models.columns import REFERENCE_ALPHABET, REFERENCE_LENGTH
from ..rules.addresses import normalise_email
from ..rules.memberships import is_student_address
from ..rules.statuses import RegistrationStatus, Role
from .desk import Page, count_of, rows_of_page, stream

MOST_WORDS = 6
"""More words than a name has are not searched for."""
MOST_GUESTS = 20


class Who(StrEnum):
    """Which of the people who fit a search."""

    ANYBODY = ""
    MEMBERS = "members"
    STUDENTS = "students"
    COMMITTEE = "committee"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everybody whose name, address or booking's reference has every word of ``text``."""

    text: str = ""
    who: Who = Who.ANYBODY


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One person. ``member_until``: the last day that is paid for or given, from today on."""

    id: int
    name: str
    email: str
    role: Role
    is_confirmed: bool
    is_student: bool
    member_until: date | None


@dataclass(frozen=True, slots=True)
class GuestLine:
    """A booking that belongs to no account."""

    token: str
    name: str
    email: str
    reference: str
    title: str
    starts_at: datetime
    time_zone: str
    status: RegistrationStatus


def accounts(wanted: Wanted, number: int, today: date) -> Page[AccountLine]:
    """One page of the people with an account, by name."""
    rows, number, total = rows_of_page(_matching(wanted, today), number)
    return Page([_line(row) for row in rows], number, total)


def every(wanted: Wanted, today: date) -> Iterator[AccountLine]:
    """All of them for an export, a few hundred in memory at a time. One statement, read while it is iterated."""
    return (_line(row) for row in stream(_matching(wanted, today)))


def count(wanted: Wanted, today: date) -> int:
    """How many they are. One statement."""
    return count_of(_matching(wanted, today))


def guests(text: str) -> Sequence[GuestLine]:
    """Bookings without an account under just this address or reference, the newest first; none for any other text."""
    address, reference = normalise_email(text), _reference(text)
    if address is None and reference is None:
        return []
    found = Registration.email == address if address else Registration.reference == reference
    rows = db.session.execute(
        select(Registration.token, Registration.name, Registration.email, Registration.reference, ClubSession.title,
               ClubSession.starts_at, ClubSession.time_zone, Registration.status)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(found, Registration.user_id.is_(None))
        .order_by(Registration.id.desc())
        .limit(MOST_GUESTS)
    )  # fmt: skip
    return [GuestLine(*row) for row in rows]


def _matching(wanted: Wanted, today: date) -> Select[Any]:
    spans = (Membership.user_id == User.id, Membership.revoked_at.is_(None), Membership.ends_on >= today)
    until = select(func.max(Membership.ends_on)).where(*spans).scalar_subquery()
    statement = select(
        User.id, User.name, User.email, User.role, User.email_verified_at, User.is_student, until.label("member_until")
    ).where(User.deleted_at.is_(None))
    for word in wanted.text.split()[:MOST_WORDS]:
        statement = statement.where(_has(word))
    if wanted.who is Who.MEMBERS:
        statement = statement.where(exists().where(*spans, Membership.starts_on <= today))
    elif wanted.who is Who.STUDENTS:
        statement = statement.where(or_(User.is_student, _student_address()))
    elif wanted.who is Who.COMMITTEE:
        statement = statement.where(User.role != Role.NONE)
    return statement.order_by(func.lower(User.name), User.id)


def _has(word: str) -> ColumnElement[bool]:
    named = or_(User.name.icontains(word, autoescape=True), User.email.icontains(word, autoescape=True))
    reference = _reference(word)
    if reference is None:
        return named
    owners = [select(model.user_id).where(model.reference == reference) for model in (Registration, Order)]
    typed = [
        select(model.email).where(model.reference == reference, model.user_id.is_(None)) for model in (Registration, Order)
    ]
    as_guest = or_(*(User.email.in_(addresses) for addresses in typed))
    return or_(named, *(User.id.in_(ids) for ids in owners), and_(User.email_verified_at.is_not(None), as_guest))


def _student_address() -> ColumnElement[bool]:
    """SQL for `rules.memberships.is_student_address` of a confirmed address."""
    ends = [User.email.endswith(f"{mark}{domain}", autoescape=True) for domain in _domains() for mark in "@."]
    return and_(User.email_verified_at.is_not(None), or_(False, *ends))


def _domains() -> Sequence[str]:
    return current_settings().student_domains


def _reference(text: str) -> str | None:
    """The reference somebody typed, or None for what cannot be one."""
    typed = text.strip().upper()
    return typed if len(typed) == REFERENCE_LENGTH and set(typed) <= set(REFERENCE_ALPHABET) else None


def _line(row: Row[Any]) -> AccountLine:
    confirmed = row.email_verified_at is not None
    student = row.is_student or (confirmed and is_student_address(row.email, _domains()))
    return AccountLine(row.id, row.name, row.email, row.role, confirmed, student, row.member_until)
