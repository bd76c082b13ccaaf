"""The record of who did what, newest first, by kind of action and by session. Called by the admin blueprint.

A page takes at most eleven statements: two for the lines, one for the choices of the filter, one for each kind of thing named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select

from ..extensions import db
from ..models import (
    AuditEntry,
    ClubSession,
    Membership,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Product,
    Refund,
    Registration,
    User,
)
from . import desk_people
from .desk import Page, rows_of_page

_A = AuditEntry


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, in words a person knows it by; where its page is, when it has one."""

    label: str
    _: KW_ONLY
    slug: str | None = None
    registration_token: str | None = None
    user_id: int | None = None
    session_title: str | None = None
    currency: str | None = None
    order_token: str | None = None
    product_slug: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record. ``by`` is the actor's name, when it is somebody with an account."""

    at: datetime
    actor: str
    by: str | None
    action: str
    kind: str
    subject_id: int
    subject: Subject | None
    """None: it is gone, or has no name of its own."""
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of one action, about one session with all that belongs to it, by or about one person; None means any."""

    action: str | None = None
    slug: str | None = None
    person: int | None = None


def actions() -> list[str]:
    """Every action that is on the record, for the filter. One statement."""
    return list(db.session.execute(select(_A.action).distinct().order_by(_A.action)).scalars())


def session_title(slug: str) -> str | None:
    """The title of the session that is filtered by, or None when there is none. One statement."""
    return db.session.execute(select(ClubSession.title).where(ClubSession.slug == slug)).scalar_one_or_none()


def person_name(user_id: int) -> str | None:
    """The name of the person that is filtered by, or None when there is none. One statement."""
    return desk_people.names([f"{desk_people.PREFIX}{user_id}"]).get(f"{desk_people.PREFIX}{user_id}")


def entries(wanted: Wanted, number: int = 1) -> Page[Entry]:
    """One page of the record, newest first."""
    statement = select(_A.id, _A.created_at, _A.actor, _A.action, _A.subject_kind, _A.subject_id, _A.detail)
    if wanted.action is not None:
        statement = statement.where(_A.action == wanted.action)
    if wanted.slug is not None:
        statement = statement.where(_about(wanted.slug))
    if wanted.person is not None:
        statement = statement.where(_of_person(wanted.person))
    rows, number, total = rows_of_page(statement.order_by(_A.id.desc()), number)
    names = desk_people.names(row.actor for row in rows)
    subjects = _subjects(rows)
    return Page([_entry(row, names, subjects) for row in rows], number, total)


def _about(slug: str) -> ColumnElement[bool]:
    """The session, its bookings, their orders and the refunds of these."""
    session = select(ClubSession.id).where(ClubSession.slug == slug).scalar_subquery()
    bookings = select(Registration.id).where(Registration.club_session_id == session)
    orders = select(Registration.order_id).where(Registration.club_session_id == session, Registration.order_id.is_not(None))
    refunds = select(Refund.id).join(Payment, Payment.id == Refund.payment_id).where(Payment.order_id.in_(orders))
    return or_(
        and_(_A.subject_kind == "club_session", _A.subject_id == session),
        and_(_A.subject_kind == "registration", _A.subject_id.in_(bookings)),
        and_(_A.subject_kind == "order", _A.subject_id.in_(orders)),
        and_(_A.subject_kind == "refund", _A.subject_id.in_(refunds)),
    )


def _of_person(user_id: int) -> ColumnElement[bool]:
    """What they did, and what was done to their account, bookings, orders and refunds."""
    bookings, orders = (select(model.id).where(model.user_id == user_id) for model in (Registration, Order))
    refunds = select(Refund.id).join(Payment, Payment.id == Refund.payment_id).where(Payment.order_id.in_(orders))
    return or_(
        _A.actor == f"{desk_people.PREFIX}{user_id}",
        and_(_A.subject_kind == "user", _A.subject_id == user_id),
        and_(_A.subject_kind == "registration", _A.subject_id.in_(bookings)),
        and_(_A.subject_kind == "order", _A.subject_id.in_(orders)),
        and_(_A.subject_kind == "refund", _A.subject_id.in_(refunds)),
    )


def _subjects(rows: Sequence[Row[Any]]) -> dict[tuple[str, int], Subject]:
    """What the entries are about: one statement for each kind that is there."""
    found: dict[tuple[str, int], Subject] = {}
    for kind, read in _READERS.items():
        ids = {row.subject_id for row in rows if row.subject_kind == kind}
        if ids:
            found |= {(kind, subject_id): subject for subject_id, subject in read(ids)}
    return found


def _sessions(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(select(ClubSession.id, ClubSession.title, ClubSession.slug).where(ClubSession.id.in_(ids)))
    return [(row.id, Subject(row.title, slug=row.slug)) for row in rows]


def _of_booking(row: Row[Any], order_token: str | None = None) -> Subject:
    return Subject(
        row.name, registration_token=row.token, session_title=row.title, currency=row.currency, order_token=order_token
    )


def _bookings(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(
        select(Registration.id, Registration.name, Registration.token, ClubSession.title, ClubSession.currency)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Registration.id.in_(ids))
    )
    return [(row.id, _of_booking(row)) for row in rows]


def _orders(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(
        select(Order.id, Order.name, Order.currency, Order.token.label("order_token"), Registration.token, ClubSession.title)
        .outerjoin(OrderItem, OrderItem.order_id == Order.id)
        .outerjoin(Registration, Registration.id == OrderItem.registration_id)
        .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Order.id.in_(ids))
        .order_by(OrderItem.id.desc())
    )
    return [(row.id, _of_booking(row, row.order_token)) for row in rows]


def _refunds(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(
        select(Refund.id, Order.name, Payment.currency, Registration.token, ClubSession.title)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .outerjoin(OrderItem, OrderItem.id == Refund.order_item_id)
        .outerjoin(Registration, Registration.id == OrderItem.registration_id)
        .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Refund.id.in_(ids))
    )
    return [(row.id, _of_booking(row)) for row in rows]


def _mails(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(select(OutgoingEmail.id, OutgoingEmail.to).where(OutgoingEmail.id.in_(ids)))
    return [(row.id, Subject(row.to)) for row in rows]


def _people(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(select(User.id, User.name, User.deleted_at).where(User.id.in_(ids)))
    return [(row.id, Subject(row.name, user_id=None if row.deleted_at else row.id)) for row in rows]


def _memberships(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    whose = select(Membership.id, User.id.label("user_id"), User.name, User.deleted_at).join(User, User.id == Membership.user_id)
    rows = db.session.execute(whose.where(Membership.id.in_(ids)))
    return [(row.id, Subject(row.name, user_id=None if row.deleted_at else row.user_id)) for row in rows]


def _products(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    rows = db.session.execute(select(Product.id, Product.title, Product.slug, Product.currency).where(Product.id.in_(ids)))
    return [(row.id, Subject(row.title, currency=row.currency, product_slug=row.slug)) for row in rows]


def _purchases(ids: set[int]) -> Iterable[tuple[int, Subject]]:
    whose = select(OrderItem.id, Order.name, Order.token, Order.currency, OrderItem.description)
    rows = db.session.execute(whose.join(Order, Order.id == OrderItem.order_id).where(OrderItem.id.in_(ids)))
    named = "{0.name}, {0.description}".format
    return [(row.id, Subject(named(row), currency=row.currency, order_token=row.token)) for row in rows]


_READERS = {
    "club_session": _sessions, "registration": _bookings, "order": _orders, "refund": _refunds, "outgoing_email": _mails,
    "user": _people, "membership": _memberships, "product": _products, "product_purchase": _purchases,
}  # fmt: skip


def _entry(row: Row[Any], names: Mapping[str, str], subjects: Mapping[tuple[str, int], Subject]) -> Entry:
    return Entry(
        at=row.created_at,
        actor=row.actor,
        by=names.get(row.actor),
        action=row.action,
        kind=row.subject_kind,
        subject_id=row.subject_id,
        subject=subjects.get((row.subject_kind, row.subject_id)),
        detail=row.detail,
    )
