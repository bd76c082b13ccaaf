"""What the door shows: who is expected and who is in, with the money that is still owed, searched by name or code; and the sheet.

Called by the admin blueprint, the host's pages and a booking's own link. A page takes a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from ..extensions import db
from ..models import ClubSession, Order, Registration, User
from ..rules.statuses import TAKEN, PaymentState, RegistrationStatus, Role, SessionStatus
from .desk import Page, rows_of_page
from .desk_registrations import MOST_WORDS
from .desk_sessions import SessionLine

_R = Registration
AHEAD, AFTER = timedelta(hours=3), timedelta(hours=2)
"""How long before its start, and how long after its end, a session is offered for the door."""
PAGE_SIZE = 100
NOT_PAID = and_(_R.status.in_(TAKEN), _R.payment_status == PaymentState.PENDING)
"""A place is kept or given, and its money is still owed."""
_COLUMNS = (
    _R.reference, _R.name, _R.places, _R.status, _R.payment_status, _R.price_cents, _R.amount_paid_cents, _R.owed_cents,
    _R.checked_in_at, _R.offer_expires_at, _R.token, _R.order_id, Order.hold_expires_at,
)  # fmt: skip


class Show(StrEnum):
    """Which bookings the door lists."""

    TO_COME = "to-come"
    IN = "in"
    UNPAID = "unpaid"


_SHOWN: Mapping[Show, ColumnElement[bool]] = {
    Show.TO_COME: and_(_R.status.in_(TAKEN), _R.checked_in_at.is_(None)),
    Show.IN: and_(_R.status == RegistrationStatus.REGISTERED, _R.checked_in_at.is_not(None)),
    Show.UNPAID: NOT_PAID,
}


@dataclass(frozen=True, slots=True)
class DoorLine:
    """One booking at the door. ``owed_cents``: what has to be paid still, in minor units."""

    reference: str
    name: str
    places: int
    status: RegistrationStatus
    owed_cents: int
    checked_in_at: datetime | None
    kept_until: datetime | None
    """For a place that is being paid or was offered: until when it is kept."""
    token: str | None
    """Opens the booking and what it has to pay: only staff are given links with it."""

    @property
    def initial(self) -> str:
        return self.name[:1].upper()

    @property
    def is_in(self) -> bool:
        return self.status is RegistrationStatus.REGISTERED and self.checked_in_at is not None

    @property
    def may_come_in(self) -> bool:
        return self.status is RegistrationStatus.REGISTERED and self.checked_in_at is None


@dataclass(frozen=True, slots=True)
class DoorSession:
    """What the door needs to know of the session, with its numbers in places; ``bookings`` counts the bookings of each list."""

    slug: str
    title: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    currency: str
    status: SessionStatus
    expected: int
    """Places of everybody who is registered."""
    inside: int
    bookings: Mapping[Show, int]


def session(slug: str) -> DoorSession | None:
    """The session with its numbers, or None. Two statements."""
    c = ClubSession
    columns = (c.id, c.slug, c.title, c.location, c.starts_at, c.ends_at, c.time_zone, c.currency, c.status)
    row = db.session.execute(select(*columns).where(c.slug == slug)).first()
    if row is None:
        return None
    registered = _R.status == RegistrationStatus.REGISTERED
    counts = [func.count().filter(condition).label(show.name) for show, condition in _SHOWN.items()]
    expected = func.coalesce(func.sum(_R.places).filter(registered), 0).label("expected")
    inside = func.coalesce(func.sum(_R.places).filter(_SHOWN[Show.IN]), 0).label("inside")
    numbers = db.session.execute(select(expected, inside, *counts).where(_R.club_session_id == row.id)).one()
    facts = {name: value for name, value in row._mapping.items() if name != "id"}
    bookings = {show: int(getattr(numbers, show.name)) for show in _SHOWN}
    return DoorSession(**facts, expected=int(numbers.expected), inside=int(numbers.inside), bookings=bookings)


def lines(slug: str, show: Show, text: str = "", number: int = 1, *, by_email: bool = False) -> Page[DoorLine]:
    """One page of a list, by name; or, with ``text``, of every booking that has all its words in name or code. Two statements.

    ``by_email``: or in its address. For the committee alone: who may search what they are not shown can guess it (promise 12).
    """
    statement = select(*_COLUMNS).outerjoin(Order, Order.id == _R.order_id).where(_R.club_session_id == _id(slug))
    words, fields = text.split()[:MOST_WORDS], (_R.name, _R.reference, *((_R.email,) if by_email else ()))
    for word in words:
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in fields)))
    if not words:
        statement = statement.where(_SHOWN[show])
    statement = statement.order_by(_R.status.not_in(TAKEN), func.lower(_R.name), _R.id)
    rows, number, total = rows_of_page(statement, number, PAGE_SIZE)
    return Page([_line(row) for row in rows], number, total, PAGE_SIZE)


def line(slug: str, reference: str) -> DoorLine | None:
    """One booking, or None. One statement."""
    found = select(*_COLUMNS).outerjoin(Order, Order.id == _R.order_id)
    row = db.session.execute(found.where(_R.club_session_id == _id(slug), _R.reference == reference)).first()
    return None if row is None else _line(row)


def sheet(slug: str) -> tuple[list[DoorLine], list[DoorLine]]:
    """For paper: everybody who has a place or may get it, by name; and who waits, in the order of the line. One statement."""
    on_it = _R.status.in_([*TAKEN, RegistrationStatus.WAITLISTED])
    rows = db.session.execute(
        select(*_COLUMNS).outerjoin(Order, Order.id == _R.order_id)
        .where(_R.club_session_id == _id(slug), on_it)
        .order_by(func.coalesce(_R.waitlisted_at, _R.created_at), _R.id)
    ).all()  # fmt: skip
    waiting = [_line(row) for row in rows if row.status is RegistrationStatus.WAITLISTED]
    coming = [_line(row) for row in rows if row.status is not RegistrationStatus.WAITLISTED]
    return sorted(coming, key=lambda line: line.name.casefold()), waiting


def of_token(token: str) -> Row[str, str] | None:
    """``slug`` of the session and ``reference`` of the booking behind a secret link, or None. One statement."""
    found = select(ClubSession.slug, _R.reference).join(ClubSession, ClubSession.id == _R.club_session_id)
    return db.session.execute(found.where(_R.token == token)).first()


def who_takes_cash() -> list[str]:
    """Names of those who may take money, for the desk to call. One statement."""
    staff = User.role.in_([Role.STAFF, Role.ADMIN])
    return list(db.session.execute(select(User.name).where(staff).order_by(User.name, User.id).limit(8)).scalars())


def near(lines: Iterable[SessionLine], now: datetime) -> Sequence[SessionLine]:
    """Those of these sessions whose door is about to open, is open, or was open just now."""
    return [
        line for line in lines
        if line.status is SessionStatus.PUBLISHED and line.starts_at - AHEAD <= now <= line.ends_at + AFTER
    ]  # fmt: skip


def _id(slug: str) -> Any:
    return select(ClubSession.id).where(ClubSession.slug == slug).scalar_subquery()


def _line(row: Row[Any]) -> DoorLine:
    owes = row.status in TAKEN and row.payment_status is PaymentState.PENDING
    kept_until = {RegistrationStatus.HELD: row.hold_expires_at, RegistrationStatus.OFFERED: row.offer_expires_at}.get(row.status)
    return DoorLine(
        reference=row.reference,
        name=row.name,
        places=row.places,
        status=row.status,
        # what was paid may have gone back since: what is owed of a changed booking stands in it
        owed_cents=(row.owed_cents or row.price_cents - row.amount_paid_cents) if owes else 0,
        checked_in_at=row.checked_in_at,
        kept_until=kept_until,
        token=row.token if row.order_id is not None else None,
    )
