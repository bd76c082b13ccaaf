"""What hosts see: their sessions, how each stands on its way to being published, who helps. And what waits for the committee.

Called by the host and admin blueprints; each function runs one or two statements, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select

from ..extensions import db
from ..models import ClubSession, HostRole, Listing, ListingPurchase, Order, OrderItem, User
from ..rules.statuses import OrderStatus, ReviewState, SessionStatus

_C, _H, _L = ClubSession, HostRole, Listing
LIST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class HostedSession:
    """One session as its hosts see it."""

    id: int
    slug: str
    title: str
    summary: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    status: SessionStatus
    capacity: int
    places_taken: int
    review: ReviewState
    review_reason: str | None
    is_host: bool
    """False for a co-host."""
    host_name: str
    host_email: str

    @property
    def state(self) -> str:
        """draft (to be paid), review, rejected, published, over or cancelled."""
        if self.status is SessionStatus.DRAFT:
            waits = {ReviewState.WAITING: "review", ReviewState.REJECTED: "rejected"}
            return waits.get(self.review, "draft")
        return {SessionStatus.PUBLISHED: "published", SessionStatus.CANCELLED: "cancelled"}.get(self.status, "over")

    @property
    def to_pay(self) -> bool:
        """Whether paying the fee is what comes next."""
        return self.state in ("draft", "rejected") and self.is_host


@dataclass(frozen=True, slots=True)
class CoHost:
    """Somebody who helps, or was asked to."""

    id: int
    email: str
    name: str | None
    """Once they have said yes."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What somebody is asked to help with."""

    title: str
    slug: str
    host: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class FeePaid:
    """What was paid for the listing; ``order_token`` leads to its receipt."""

    order_token: str
    cents: int
    currency: str
    paid_at: datetime | None
    refunded: bool
    open: bool
    """It can still be paid."""


def of_person(user_id: int) -> Sequence[HostedSession]:
    """Every session that this person hosts or helps with, what comes first at the head. One statement."""
    rows = db.session.execute(_sessions(user_id).order_by(_C.starts_at.desc(), _C.id).limit(LIST_LIMIT)).all()
    return [_hosted(row, user_id) for row in rows]


def one(slug: str, user_id: int) -> HostedSession | None:
    """The session, for its host or a co-host of it; None for everybody else. One statement."""
    row = db.session.execute(_sessions(user_id).where(_C.slug == slug)).first()
    return None if row is None else _hosted(row, user_id)


def in_review() -> Sequence[HostedSession]:
    """What is paid and waits for the committee, what begins first at the head. One statement."""
    waiting = _all().where(_L.review == ReviewState.WAITING, _C.status == SessionStatus.DRAFT)
    return [_hosted(row, 0) for row in db.session.execute(waiting.order_by(_C.starts_at, _C.id).limit(LIST_LIMIT))]


def reviewed(slug: str) -> HostedSession | None:
    """One that waits for the committee. One statement."""
    row = db.session.execute(_all().where(_C.slug == slug, _L.review == ReviewState.WAITING)).first()
    return None if row is None else _hosted(row, 0)


def co_hosts(club_session_id: int) -> Sequence[CoHost]:
    """Those who help and those who were asked. One statement."""
    rows = db.session.execute(
        select(_H.id, _H.email, User.name).outerjoin(User, User.id == _H.user_id)
        .where(_H.club_session_id == club_session_id).order_by(_H.id)
    )  # fmt: skip
    return [CoHost(*row) for row in rows]


def fees(club_session_id: int) -> Sequence[FeePaid]:
    """Every order of this listing that was paid or can be, the newest first. One statement."""
    rows = db.session.execute(
        select(
            Order.token, Order.total_cents, Order.currency, ListingPurchase.paid_at, ListingPurchase.refunded_at,
            Order.status, Order.hold_expires_at,
        )
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .where(ListingPurchase.club_session_id == club_session_id)
        .where(or_(ListingPurchase.paid_at.is_not(None), Order.status == OrderStatus.PENDING))
        .order_by(Order.id.desc())
    ).all()  # fmt: skip
    return [
        FeePaid(r.token, r.total_cents, r.currency, r.paid_at, r.refunded_at is not None, r.status is OrderStatus.PENDING)
        for r in rows
    ]


def invitation(token: str, user_id: int) -> Invitation | None:
    """What this link asks of this very person, whose address must be proved; None for everybody else. One statement."""
    own = select(User.email).where(User.id == user_id, User.email_verified_at.is_not(None)).scalar_subquery()
    row = db.session.execute(
        select(_C.title, _C.slug, User.name, _H.accepted_at)
        .select_from(_H)
        .join(_C, _C.id == _H.club_session_id)
        .join(User, User.id == _C.host_user_id)
        .where(_H.token == token, _H.email == own)
    ).first()
    return None if row is None else Invitation(row.title, row.slug, row.name, row.accepted_at is not None)


def _all() -> Select[Any]:
    columns = (
        _C.id, _C.slug, _C.title, _C.summary, _C.location, _C.starts_at, _C.ends_at, _C.time_zone, _C.status, _C.capacity,
        _C.places_taken, _C.host_user_id, _L.review, _L.review_reason, 
        User.name.label("host_name"), User.email.label("host_email"),
    )  # fmt: skip
    return select(*columns).join(_L, _L.club_session_id == _C.id).join(User, User.id == _C.host_user_id)


def _sessions(user_id: int) -> Select[Any]:
    helps = select(_H.id).where(_H.club_session_id == _C.id, _H.user_id == user_id, _H.accepted_at.is_not(None)).exists()
    mine: ColumnElement[bool] = or_(_C.host_user_id == user_id, helps)
    return _all().where(mine)


def _hosted(row: Row[Any], user_id: int) -> HostedSession:
    facts = {name: value for name, value in row._mapping.items() if name != "host_user_id"}
    return HostedSession(**facts, is_host=row.host_user_id == user_id)
