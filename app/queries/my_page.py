"""What the page "My account" shows: my bookings, to come and past, and where my calendar and my card are found.

Called by the account's pages and, for what belongs to whom, by the service that ends an account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select

from ..extensions import db
from ..models import ClubSession, Order, Registration, User
from ..rules.statuses import ENDED, OrderStatus, PaymentState, RegistrationStatus, SessionStatus
from .orders import waitlist_position


@dataclass(frozen=True, slots=True)
class Booking:
    """One of my bookings, with what can be done about it."""

    reference: str
    order_token: str | None
    token: str
    title: str
    slug: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    places: int
    status: RegistrationStatus
    payment_status: PaymentState
    price_cents: int
    amount_paid_cents: int
    order_cents: int
    """What the whole order costs, whatever else is in it."""
    currency: str
    waitlist_position: int | None
    offer_expires_at: datetime | None
    hold_expires_at: datetime | None
    session_cancelled: bool
    changed_at: datetime
    calendar_sequence: int

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def can_be_paid(self, now: datetime) -> bool:
        """Whether the place is kept while it waits to be paid."""
        return self.hold_expires_at is not None and self.hold_expires_at > now


@dataclass(frozen=True, slots=True)
class Bookings:
    """Those to come, soonest first, and the others, newest first."""

    to_come: Sequence[Booking]
    past: Sequence[Booking]


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose calendar a secret address is, and what is in it."""

    name: str
    bookings: Sequence[Booking]


@dataclass(frozen=True, slots=True)
class Card:
    """Whose membership card an address belongs to."""

    user_id: int
    name: str


def belongs_to(model: type[Registration] | type[Order], user_id: int, confirmed_email: str | None) -> ColumnElement[bool]:
    """SQL: made by this person, or as a guest under the address that they have confirmed since."""
    if confirmed_email is None:
        return model.user_id == user_id
    return or_(model.user_id == user_id, and_(model.user_id.is_(None), model.email == confirmed_email))


def bookings(user_id: int, confirmed_email: str | None, now: datetime) -> Bookings:
    """Everything this person has booked. One statement."""
    rows = _rows(belongs_to(Registration, user_id, confirmed_email))
    to_come = [row for row in rows if row.ends_at > now and not row.has_ended and not row.session_cancelled]
    kept = {row.reference for row in to_come}
    return Bookings(to_come, [row for row in reversed(rows) if row.reference not in kept])


def confirmed_email(user_id: int) -> str | None:
    """The person's address, once they have proved that it is theirs."""
    statement = select(User.email).where(User.id == user_id, User.email_verified_at.is_not(None))
    return db.session.execute(statement).scalar_one_or_none()


def calendar_token(user_id: int) -> str:
    """The secret part of the address of this person's calendar feed."""
    return db.session.execute(select(User.calendar_token).where(User.id == user_id)).scalar_one()


def feed(token: str) -> Feed | None:
    """The places somebody has, for the calendar behind this secret address; None when it is nobody's."""
    owner = db.session.execute(
        select(User.id, User.name, User.email, User.email_verified_at)
        .where(User.calendar_token == token, User.deleted_at.is_(None))
    ).one_or_none()
    if owner is None:
        return None
    mine = belongs_to(Registration, owner.id, owner.email if owner.email_verified_at else None)
    return Feed(owner.name, _rows(mine, Registration.status == RegistrationStatus.REGISTERED))


def card(token: str) -> Card | None:
    """Whose membership card this is; None when it is nobody's."""
    row = db.session.execute(select(User.id, User.name).where(User.card_token == token)).one_or_none()
    return None if row is None else Card(row.id, row.name)


def card_token(user_id: int) -> str | None:
    """The secret part of the address that this person's card leads to."""
    return db.session.execute(select(User.card_token).where(User.id == user_id)).scalar_one()


def _rows(*where: ColumnElement[bool]) -> list[Booking]:
    rows = db.session.execute(
        select(Registration, ClubSession, Order, waitlist_position())
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .outerjoin(Order, Order.id == Registration.order_id)
        .where(*where)
        .order_by(ClubSession.starts_at, Registration.id)
    ).all()
    return [_booking(*row) for row in rows]


def _booking(r: Registration, c: ClubSession, order: Order | None, position: int) -> Booking:
    pending = order is not None and order.status is OrderStatus.PENDING
    return Booking(
        reference=r.reference,
        order_token=order.token if order else None,
        token=r.token,
        title=c.title,
        slug=c.slug,
        location=c.location,
        starts_at=c.starts_at,
        ends_at=c.ends_at,
        time_zone=c.time_zone,
        places=r.places,
        status=r.status,
        payment_status=r.payment_status,
        price_cents=r.price_cents,
        amount_paid_cents=r.amount_paid_cents,
        order_cents=order.total_cents if order else r.price_cents,
        currency=c.currency,
        waitlist_position=position if r.status is RegistrationStatus.WAITLISTED else None,
        offer_expires_at=r.offer_expires_at if r.status is RegistrationStatus.OFFERED else None,
        hold_expires_at=order.hold_expires_at if order and pending else None,
        session_cancelled=c.status is SessionStatus.CANCELLED,
        changed_at=r.updated_at,
        calendar_sequence=c.calendar_sequence,
    )
