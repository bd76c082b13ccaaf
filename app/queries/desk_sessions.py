"""What the desk shows of club sessions: the list with places and money, one session's figures, the record as its form edits it.

Called by the admin blueprint. Drafts are here, unlike in what the public sees; each function runs a fixed number of statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, or_, select

from ..extensions import db
from ..models import ClubSession, Registration
from ..rules.capacity import Counters
from ..rules.money import step
from ..rules.refunds import Terms
from ..rules.statuses import Entry, RefundPolicy, RegistrationStatus, SessionStatus, WaitlistPayment
from . import gone_back
from .desk import Page, rows_of_page

_C, _R = ClubSession, Registration
_LINE = (
    _C.id, _C.slug, _C.series, _C.title, _C.location, _C.starts_at, _C.ends_at, _C.time_zone, _C.status, _C.currency,
    _C.capacity, _C.places_taken, _C.overbooked, _C.waitlist_capacity, _C.waitlist_taken, _C.entry,
    _C.host_user_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tally:
    """The bookings of one club session: how many and for how many places by status, and their money in minor units."""

    bookings: Mapping[RegistrationStatus, int] = field(default_factory=dict)
    places: Mapping[RegistrationStatus, int] = field(default_factory=dict)
    paid_cents: int = 0
    refunded_cents: int = 0
    """Gone back or on its way back."""

    @property
    def kept_cents(self) -> int:
        return self.paid_cents - self.refunded_cents

    @property
    def total(self) -> int:
        """Bookings of every status."""
        return sum(self.bookings.values())

    def places_in(self, *statuses: RegistrationStatus) -> int:
        return sum(self.places.get(status, 0) for status in statuses)

    @property
    def registered(self) -> int:
        """Places of people who have them for sure."""
        return self.places_in(RegistrationStatus.REGISTERED)

    @property
    def kept(self) -> int:
        """Places kept for somebody who is paying or has been offered them."""
        return self.places_in(RegistrationStatus.HELD, RegistrationStatus.OFFERED)

    @property
    def waiting(self) -> int:
        return self.places_in(RegistrationStatus.WAITLISTED)


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One club session as the desk lists it."""

    slug: str
    title: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    status: SessionStatus
    currency: str
    counters: Counters
    tally: Tally
    series: str | None = None
    """What the sessions that were repeated from one another share."""
    by_application: bool = False
    """Whether the committee chooses among those who apply."""
    hosted: bool = False
    """Whether somebody hosts it who is not the club."""

    @property
    def starts_on(self) -> date:
        """The day it starts, in its own zone: what the list is grouped by."""
        return self.starts_at.astimezone(ZoneInfo(self.time_zone)).date()


def by_day(lines: Iterable[SessionLine]) -> list[tuple[date, list[SessionLine]]]:
    """Lines in the order of their start, grouped by day."""
    return [(on, list(group)) for on, group in groupby(lines, key=lambda line: line.starts_on)]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """Every field that a person may edit, and the places taken, which the edit must respect."""

    slug: str
    title: str
    summary: str
    description: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    capacity: int
    waitlist_capacity: int | None
    member_price_cents: int | None
    non_member_price_cents: int | None
    currency: str
    status: SessionStatus
    entry: Entry
    waitlist_payment: WaitlistPayment
    max_places: int
    opens_at: datetime | None
    members_open_at: datetime | None
    closes_at: datetime | None
    refund_until: datetime | None
    refund_policy: RefundPolicy
    refund_percent: int
    refund_fee_cents: int
    waitlist_members_first: bool
    student_price_cents: int | None
    early_price_until: datetime | None
    early_member_price_cents: int | None
    early_non_member_price_cents: int | None
    allow_promotion_codes: bool
    places_taken: int
    fingerprint: str
    """Another once somebody has edited the record; bookings do not change it."""

    @property
    def refund_terms(self) -> Terms:
        """What people read about cancelling."""
        to = step(self.currency)
        return Terms(self.refund_policy, self.refund_until, self.refund_percent, self.refund_fee_cents, to)

    @property
    def is_free(self) -> bool:
        return not self.non_member_price_cents


_RECORD = [name for name in SessionRecord.__dataclass_fields__ if name not in ("places_taken", "fingerprint")]


def coming(now: datetime, number: int = 1) -> Page[SessionLine]:
    """Drafts and published sessions that have not ended, soonest first. Four statements."""
    ahead = select(*_LINE).where(_C.status.in_([SessionStatus.DRAFT, SessionStatus.PUBLISHED]), _C.ends_at > now)
    return _lines(ahead.order_by(_C.starts_at, _C.id), number)


def past(now: datetime, number: int = 1) -> Page[SessionLine]:
    """Sessions that are over or cancelled, newest first. Four statements."""
    over = or_(_C.status.in_([SessionStatus.CANCELLED, SessionStatus.COMPLETED]), _C.ends_at <= now)
    return _lines(select(*_LINE).where(over).order_by(_C.starts_at.desc(), _C.id.desc()), number)


def between(begins_at: datetime, ends_at: datetime) -> list[SessionLine]:
    """Every session that runs or starts in that time and is not cancelled, soonest first. Three statements."""
    on = [status for status in SessionStatus if status is not SessionStatus.CANCELLED]  # each by name, for the index
    running = (_C.ends_at > begins_at, _C.starts_at < ends_at, _C.status.in_(on))
    rows = db.session.execute(select(*_LINE).where(*running).order_by(_C.starts_at, _C.id)).all()
    tallies = _tallies(row.id for row in rows)
    return [_line(row, tallies.get(row.id, Tally())) for row in rows]


def one(slug: str) -> SessionLine | None:
    """One session with its figures, or None. Three statements."""
    row = db.session.execute(select(*_LINE).where(_C.slug == slug)).first()
    return None if row is None else _line(row, _tallies([row.id]).get(row.id, Tally()))


def record(slug: str) -> SessionRecord | None:
    """The record as the edit form shows it, or None. One statement."""
    columns = [getattr(_C, name) for name in _RECORD]
    row = db.session.execute(select(_C.places_taken, *columns).where(_C.slug == slug)).first()
    if row is None:
        return None
    return SessionRecord(**row._mapping, fingerprint=fingerprint(row))


def fingerprint(row: Row[Any]) -> str:
    """What tells two states of a record's editable fields apart; equal for equal values, whichever database they are from."""
    values = "\x1f".join(f"{name}={getattr(row, name)}" for name in _RECORD)
    return hashlib.sha256(values.encode()).hexdigest()[:32]


def _lines(statement: Any, number: int) -> Page[SessionLine]:
    rows, number, total = rows_of_page(statement, number)
    tallies = _tallies(row.id for row in rows)
    return Page([_line(row, tallies.get(row.id, Tally())) for row in rows], number, total)


def _line(row: Row[Any], tally: Tally) -> SessionLine:
    return SessionLine(
        slug=row.slug,
        title=row.title,
        location=row.location,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone,
        status=row.status,
        currency=row.currency,
        counters=_counters(row),
        tally=tally,
        series=row.series,
        by_application=row.entry is Entry.APPLICATION,
        hosted=row.host_user_id is not None,
    )


def _counters(row: Row[Any]) -> Counters:
    return Counters(row.capacity, row.places_taken, row.overbooked, row.waitlist_capacity, row.waitlist_taken)


def _tallies(ids: Iterable[int]) -> dict[int, Tally]:
    """The figures of several sessions, by id, in two statements; a session without bookings is not in it."""
    wanted = list(ids)
    by_status = db.session.execute(
        select(_R.club_session_id, _R.status, func.count(), func.sum(_R.places), func.sum(_R.amount_paid_cents))
        .where(_R.club_session_id.in_(wanted))
        .group_by(_R.club_session_id, _R.status)
    ).all()
    back = gone_back.of_lines()
    sent_back = db.session.execute(
        select(_R.club_session_id, func.sum(back.c.cents))
        .join(back, back.c.registration_id == _R.id)
        .where(_R.club_session_id.in_(wanted))
        .group_by(_R.club_session_id)
    ).all()
    refunded = {club_session_id: int(cents) for club_session_id, cents in sent_back}
    tallies: dict[int, Tally] = {}
    for club_session_id in {row.club_session_id for row in by_status}:
        own = [row for row in by_status if row.club_session_id == club_session_id]
        tallies[club_session_id] = Tally(
            bookings={status: count for _id, status, count, _places, _cents in own},
            places={status: int(places) for _id, status, _count, places, _cents in own},
            paid_cents=sum(int(cents) for *_rest, cents in own),
            refunded_cents=refunded.get(club_session_id, 0),
        )
    return tallies
