"""Registrations as the desk lists them, of one club session or of all: searched, filtered, sorted, paged. Called by its pages.

However many there are, a page takes the same number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, case, func, or_, select

from ..extensions import db
from ..models import ClubSession, Order, OrderItem, Payment, Registration
from ..rules.statuses import PaymentState, PaymentStatus, RegistrationStatus
from . import gone_back
from .desk import Page, count_of, rows_of_page, stream

_R = Registration
MOST_WORDS = 6
"""More words than a name has are not searched for."""
IN_ORDER = (
    RegistrationStatus.REGISTERED,
    RegistrationStatus.HELD,
    RegistrationStatus.OFFERED,
    RegistrationStatus.WAITLISTED,
    RegistrationStatus.IN_RESERVE,
    RegistrationStatus.UNDER_REVIEW,
    RegistrationStatus.CANCELLED,
    RegistrationStatus.EXPIRED,
    RegistrationStatus.DECLINED,
)
"""Who comes, who may come, who waits in the order of the line, and last those who do not come."""


class Sort(StrEnum):
    """The order of a list. STATUS: see IN_ORDER."""

    STATUS = "status"
    NAME = "name"
    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which registrations: all whose name, e-mail address or reference has every word of ``text``, of one status or of any."""

    text: str = ""
    status: RegistrationStatus | None = None
    sort: Sort = Sort.STATUS


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """One attempt to pay; the id is Stripe's, and only staff see it."""

    checkout_id: str
    status: PaymentStatus


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """One registration with its money. ``token`` and ``order_token`` open the person's own pages: only staff are given links."""

    token: str
    reference: str
    name: str
    email: str
    places: int
    status: RegistrationStatus
    payment_status: PaymentState
    price_cents: int
    amount_paid_cents: int
    refunded_cents: int
    created_at: datetime
    hold_expires_at: datetime | None
    offer_expires_at: datetime | None
    order_token: str | None
    checkouts: Sequence[CheckoutLine]
    owed_cents: int
    session_slug: str
    session_title: str
    session_starts_at: datetime
    time_zone: str
    currency: str


def of_session(slug: str, wanted: Wanted, number: int = 1, *, with_checkouts: bool) -> Page[RegistrationLine]:
    """One page of a session's registrations. Four statements; three when the checkout ids are not to be seen."""
    return _page(slug, wanted, number, with_checkouts)


def everywhere(wanted: Wanted, number: int = 1, *, with_checkouts: bool) -> Page[RegistrationLine]:
    """The same of all sessions, past ones too."""
    return _page(None, wanted, number, with_checkouts)


def _page(slug: str | None, wanted: Wanted, number: int, with_checkouts: bool) -> Page[RegistrationLine]:
    rows, number, total = rows_of_page(_matching(slug, wanted), number, keys=_chosen(select(_R.id), slug, wanted))
    ids = [row.id for row in rows]
    refunded = _refunded(ids)
    checkouts = _checkouts(ids) if with_checkouts else {}
    return Page([_line(row, refunded.get(row.id, 0), checkouts.get(row.id, [])) for row in rows], number, total)


def every(slug: str | None, wanted: Wanted) -> Iterator[Row[Any]]:
    """All that is wanted of a session, or of all (None), in the list's order, for an export: a few hundred rows in memory at a
    time. One statement. Beside what the list shows: is_member, checked_in_at, answers and refunded_cents.
    """
    back = _gone_back(_chosen(select(_R.id), slug, Wanted()).order_by(None)).subquery()
    more = (_R.is_member, _R.checked_in_at, _R.answers, func.coalesce(back.c.cents, 0).label("refunded_cents"))
    return stream(_matching(slug, wanted).outerjoin(back, back.c.registration_id == _R.id).add_columns(*more))


def answers(slug: str, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """What each of them answered, for the columns of an export. One statement, read while it is iterated."""
    return (row.answers for row in stream(_chosen(select(_R.answers), slug, wanted).order_by(None)))


def count(slug: str | None, wanted: Wanted) -> int:
    """How many rows ``every`` has. One statement."""
    return count_of(_chosen(select(_R.id), slug, wanted))


def _matching(slug: str | None, wanted: Wanted) -> Select[Any]:
    statement = (
        select(
            _R.id, _R.order_id, _R.token, _R.reference, _R.name, _R.email, _R.places, _R.status, _R.payment_status,
            _R.price_cents, _R.amount_paid_cents, _R.owed_cents, _R.created_at, _R.offer_expires_at, Order.hold_expires_at,
            Order.token.label("order_token"), ClubSession.slug, ClubSession.title, ClubSession.starts_at,
            ClubSession.time_zone, ClubSession.currency,
        )
        .join(ClubSession, ClubSession.id == _R.club_session_id)
        .outerjoin(Order, Order.id == _R.order_id)
    )  # fmt: skip
    return _chosen(statement, slug, wanted)


def _chosen(statement: Select[Any], slug: str | None, wanted: Wanted) -> Select[Any]:
    """Those of the statement's registrations that are wanted, in the order that is. All of it is said of their own columns."""
    if slug is not None:
        here = select(ClubSession.id).where(ClubSession.slug == slug).scalar_subquery()
        statement = statement.where(_R.club_session_id == here)
    if wanted.status is not None:
        statement = statement.where(_R.status == wanted.status)
    for word in wanted.text.split()[:MOST_WORDS]:
        fields = (_R.name, _R.email, _R.reference)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in fields)))
    rank = case({status: place for place, status in enumerate(IN_ORDER)}, value=_R.status)
    orders: dict[Sort, tuple[Any, ...]] = {
        Sort.STATUS: (rank, func.coalesce(_R.waitlisted_at, _R.created_at), _R.id),
        Sort.NAME: (func.lower(_R.name), _R.id),
        Sort.NEWEST: (_R.created_at.desc(), _R.id.desc()),
        Sort.OLDEST: (_R.created_at, _R.id),
    }
    return statement.order_by(*orders[wanted.sort])


def _refunded(ids: Sequence[int]) -> dict[int, int]:
    """What has gone back, or is on its way back, for each of these registrations."""
    return {registration_id: int(cents) for registration_id, cents in db.session.execute(_gone_back(ids))}


def _gone_back(ids: Sequence[int] | Select[tuple[int]]) -> Select[Any]:
    """SQL: ``registration_id`` and the ``cents`` that went back for it, also with the whole of its order."""
    back = gone_back.of_lines()
    sums = select(back.c.registration_id, func.sum(back.c.cents).label("cents"))
    return sums.where(back.c.registration_id.in_(ids)).group_by(back.c.registration_id)


def _checkouts(ids: Iterable[int]) -> dict[int, list[CheckoutLine]]:
    """Every attempt to pay for these registrations that reached Stripe, oldest first."""
    rows = db.session.execute(
        select(OrderItem.registration_id, Payment.checkout_id, Payment.status)
        .join(Payment, Payment.order_id == OrderItem.order_id)
        .where(OrderItem.registration_id.in_(ids), Payment.checkout_id.is_not(None))
        .order_by(Payment.id)
    )
    found: dict[int, list[CheckoutLine]] = {}
    for registration_id, checkout_id, status in rows:
        found.setdefault(registration_id, []).append(CheckoutLine(checkout_id, status))
    return found


def _line(row: Row[Any], refunded_cents: int, checkouts: Sequence[CheckoutLine]) -> RegistrationLine:
    return RegistrationLine(
        token=row.token,
        reference=row.reference,
        name=row.name,
        email=row.email,
        places=row.places,
        status=row.status,
        payment_status=row.payment_status,
        price_cents=row.price_cents,
        amount_paid_cents=row.amount_paid_cents,
        refunded_cents=refunded_cents,
        created_at=row.created_at,
        hold_expires_at=row.hold_expires_at if row.status is RegistrationStatus.HELD else None,
        offer_expires_at=row.offer_expires_at if row.status is RegistrationStatus.OFFERED else None,
        order_token=row.order_token,
        checkouts=checkouts,
        owed_cents=row.owed_cents,
        session_slug=row.slug,
        session_title=row.title,
        session_starts_at=row.starts_at,
        time_zone=row.time_zone,
        currency=row.currency,
    )
