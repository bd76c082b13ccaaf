"""One person with an account, as the desk sees them: membership, bookings, orders and record. Called by the people pages.

Eight statements, however much they have booked: lists are cut to the newest lines or paged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select

from ..config import current_settings
from ..extensions import db
from ..models import (
    AccountIdentity,
    AuditEntry,
    ClubSession,
    Membership,
    Order,
    OrderItem,
    Registration,
    SecondFactor,
    SignIn,
    User,
)
from ..rules.memberships import is_student_address
from ..rules.statuses import OrderStatus, PaymentState, RegistrationStatus, Role
from . import desk_people, memberships
from .desk import Page, rows_of_page
from .memberships import PersonView
from .my_page import belongs_to

SHORT = 5
"""Lines of a list on the person's own page; the rest is on pages of its own."""
EVENTS = 20


@dataclass(frozen=True, slots=True)
class Account:
    """``providers`` and ``devices``: how many sign-in providers know them, and browsers they are signed in with now."""

    id: int
    name: str
    email: str
    role: Role
    created_at: datetime
    is_confirmed: bool
    is_approved_student: bool
    has_student_address: bool
    has_password: bool
    has_codes: bool
    providers: int
    devices: int

    @property
    def since(self) -> date:
        """The day it was made, where the club is."""
        return memberships.club_today(self.created_at)


@dataclass(frozen=True, slots=True)
class BookingLine:
    token: str
    reference: str
    title: str
    starts_at: datetime
    time_zone: str
    places: int
    status: RegistrationStatus
    payment_status: PaymentState
    amount_paid_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One purchase; ``items`` names its lines."""

    token: str
    reference: str
    status: OrderStatus
    items: str
    total_cents: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the record about this person. ``by`` is the actor's name, when it is somebody with an account."""

    at: datetime
    actor: str
    by: str | None
    action: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PersonPage:
    account: Account
    membership: PersonView
    bookings: Page[BookingLine]
    orders: Page[OrderLine]
    events: Sequence[Event]


def account(user_id: int, now: datetime) -> Account | None:
    """The account of somebody who has not deleted it. One statement."""
    codes = select(SecondFactor.switched_on_at).where(SecondFactor.user_id == User.id).scalar_subquery()
    providers = select(func.count()).where(AccountIdentity.user_id == User.id).scalar_subquery()
    devices = select(func.count()).where(SignIn.user_id == User.id, SignIn.expires_at > now).scalar_subquery()
    row = db.session.execute(
        select(User.id, User.name, User.email, User.role, User.created_at, User.email_verified_at, User.is_student,
               User.password_hash, codes.label("codes_at"), providers.label("providers"), devices.label("devices"))
        .where(User.id == user_id, User.deleted_at.is_(None))
    ).one_or_none()  # fmt: skip
    return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    confirmed = row.email_verified_at is not None
    return Account(
        id=row.id, name=row.name, email=row.email, role=row.role, created_at=row.created_at, is_confirmed=confirmed,
        is_approved_student=row.is_student,
        has_student_address=confirmed and is_student_address(row.email, current_settings().student_domains),
        has_password=row.password_hash is not None, has_codes=row.codes_at is not None, providers=row.providers,
        devices=row.devices,
    )  # fmt: skip


def page(user_id: int, now: datetime) -> PersonPage | None:
    """Everything that fits one page, or None when there is no such account."""
    found = account(user_id, now)
    if found is None:
        return None
    membership = memberships.of_person(db.session(), user_id, now)
    return PersonPage(found, membership, bookings(found, size=SHORT), orders(found, size=SHORT), _events(user_id))


def bookings(person: Account, number: int = 1, *, size: int = 50) -> Page[BookingLine]:
    """What they booked, also as a guest under their confirmed address; the newest session first. Two statements."""
    statement = (
        select(Registration.token, Registration.reference, ClubSession.title, ClubSession.starts_at, ClubSession.time_zone,
               Registration.places, Registration.status, Registration.payment_status, Registration.amount_paid_cents,
               ClubSession.currency)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(belongs_to(Registration, person.id, _confirmed(person)))
        .order_by(ClubSession.starts_at.desc(), Registration.id.desc())
    )  # fmt: skip
    rows, number, total = rows_of_page(statement, number, size)
    return Page([BookingLine(*row) for row in rows], number, total, size)


def orders(person: Account, number: int = 1, *, size: int = 50) -> Page[OrderLine]:
    """What they ordered, the newest first. Two statements."""
    named = select(func.aggregate_strings(OrderItem.description, ", ")).where(OrderItem.order_id == Order.id).scalar_subquery()
    statement = (
        select(Order.token, Order.reference, Order.status, func.coalesce(named, "").label("items"), Order.total_cents,
               Order.currency, Order.created_at)
        .where(belongs_to(Order, person.id, _confirmed(person)))
        .order_by(Order.id.desc())
    )  # fmt: skip
    rows, number, total = rows_of_page(statement, number, size)
    return Page([OrderLine(*row) for row in rows], number, total, size)


def _confirmed(person: Account) -> str | None:
    return person.email if person.is_confirmed else None


def _events(user_id: int) -> list[Event]:
    """What was done to the account and its memberships, the newest first."""
    own = select(Membership.id).where(Membership.user_id == user_id)
    about = or_(
        and_(AuditEntry.subject_kind == "user", AuditEntry.subject_id == user_id),
        and_(AuditEntry.subject_kind == "membership", AuditEntry.subject_id.in_(own)),
    )
    columns = (AuditEntry.created_at, AuditEntry.actor, AuditEntry.action, AuditEntry.detail)
    rows = db.session.execute(select(*columns).where(about).order_by(AuditEntry.id.desc()).limit(EVENTS)).all()
    names = desk_people.names([row.actor for row in rows])
    return [Event(row.created_at, row.actor, names.get(row.actor), row.action, row.detail) for row in rows]
