"""Who is a member or a student now, and until when. Read by pages that show a price and, in the same words, by the service that
freezes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Exists, exists, func, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import Membership, MembershipPlan, Order, OrderItem, User
from ..rules.memberships import is_student_address


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is entitled to. ``own_address``: they book for themselves, under the address of their account."""

    is_member: bool = False
    is_student: bool = False
    own_address: bool = False


VISITOR = Standing()


@dataclass(frozen=True, slots=True)
class SpanView:
    """One membership of a person as their page and the desk show it, both dates included."""

    id: int
    plan: str | None
    """None: given by the club, without a plan."""
    starts_on: date
    ends_on: date
    revoked_at: datetime | None
    order_token: str | None = None
    """The order that bought it; only for the person's own page."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person's membership today: ``is_member`` now, paid up to ``runs_to`` (None: not at all), every span, newest first.

    ``begins_on``: the first day of those that have neither ended nor been ended early.
    """

    is_member: bool
    runs_to: date | None
    spans: Sequence[SpanView]
    begins_on: date | None = None


def club_today(now: datetime) -> date:
    """The date in the club's own zone: a membership begins and ends with a day there."""
    return now.astimezone(ZoneInfo(current_settings().time_zone)).date()


def standing(db: Session, user_id: int | None, email: str | None, now: datetime) -> Standing:
    """What the person signed in is entitled to today in the club's zone, when they book under their own address.

    Only the signed-in owner of an address counts: typing a member's address buys nobody a member's price.
    ``email`` None: a page that does not know yet who will be booked. No statement for a visitor who is not signed in.
    """
    if user_id is None:
        return VISITOR
    row = db.execute(
        select(User.email, User.email_verified_at, User.is_student, _active(now).label("is_member")).where(User.id == user_id)
    ).one_or_none()
    if row is None or (email is not None and email != row.email):
        return VISITOR
    proved = row.email_verified_at is not None and is_student_address(row.email, current_settings().student_domains)
    return Standing(is_member=row.is_member, is_student=row.is_student or proved, own_address=True)


def is_active_member(db: Session, user_id: int | None, email: str | None, now: datetime) -> bool:
    """Whether the person signed in has an active membership today and books under their own address; see ``standing``."""
    return standing(db, user_id, email, now).is_member


def runs_to(db: Session, user_id: int, today: date) -> date | None:
    """The last day up to which this person's membership is paid for or given, spans to come included; None when it is not."""
    valid = (Membership.user_id == user_id, Membership.revoked_at.is_(None), Membership.ends_on >= today)
    return db.execute(select(func.max(Membership.ends_on)).where(*valid)).scalar_one()


def of_person(db: Session, user_id: int, now: datetime) -> PersonView:
    """Everything about somebody's membership. One statement."""
    rows = db.execute(
        select(Membership, MembershipPlan.name, Order.token)
        .outerjoin(MembershipPlan, MembershipPlan.id == Membership.plan_id)
        .outerjoin(OrderItem, OrderItem.id == Membership.order_item_id)
        .outerjoin(Order, Order.id == OrderItem.order_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.ends_on.desc(), Membership.id.desc())
    ).all()
    spans = [SpanView(m.id, name, m.starts_on, m.ends_on, m.revoked_at, token) for m, name, token in rows]
    today = club_today(now)
    valid = [span for span in spans if span.revoked_at is None and span.ends_on >= today]
    begins_on, runs_to = min((s.starts_on for s in valid), default=None), max((s.ends_on for s in valid), default=None)
    return PersonView(begins_on is not None and begins_on <= today, runs_to, spans, begins_on)


def _active(now: datetime) -> Exists:
    today = club_today(now)
    return exists().where(
        Membership.user_id == User.id,
        Membership.starts_on <= today,
        Membership.ends_on >= today,
        Membership.revoked_at.is_(None),
    )
