"""Who is a member, for the desk: searched by name or address, those whose membership ends first on top, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, func, or_, select

from ..extensions import db
from ..models import Membership, MembershipPlan, OrderItem, Payment, Refund, User
from ..rules.refunds import refundable_cents
from ..rules.statuses import PaymentStatus, RefundStatus
from .desk import Page, rows_of_page

MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One membership that has not ended. ``paid_cents`` None: it was given."""

    id: int
    user_id: int
    name: str
    email: str
    plan: str | None
    starts_on: date
    ends_on: date
    paid_cents: int | None
    currency: str | None


def members(today: date, search: str = "", number: int = 1) -> Page[MemberRow]:
    """Memberships that hold today or begin later, one page of them. Two statements."""
    statement = _rows().where(Membership.ends_on >= today)
    for word in search.split()[:MOST_WORDS]:
        statement = statement.where(or_(*(c.icontains(word, autoescape=True) for c in (User.email, User.name))))
    rows, number, total = rows_of_page(statement, number)
    return Page([MemberRow(*row) for row in rows], number, total)


def member(membership_id: int) -> MemberRow | None:
    """One membership that has not ended."""
    row = db.session.execute(_rows().where(Membership.id == membership_id)).one_or_none()
    return None if row is None else MemberRow(*row)


def refundable(membership_id: int) -> int:
    """What ending this membership would give back now: its price, as far as its payment has not gone back already."""
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.payment_id == Payment.id, Refund.status != RefundStatus.FAILED
    )
    price = OrderItem.unit_amount_cents * OrderItem.quantity
    rows: list[Row[Any]] = list(
        db.session.execute(
            select(price, Payment.here_cents, back.scalar_subquery())
            .join(Membership, Membership.order_item_id == OrderItem.id)
            .join(Payment, Payment.order_id == OrderItem.order_id)
            .where(Membership.id == membership_id, Payment.status == PaymentStatus.SUCCEEDED)
            .order_by(Payment.id)
        )
    )
    left = (min(cents, refundable_cents(captured, gone)) for cents, captured, gone in rows)
    return next((cents for cents in left if cents), 0)


def _rows() -> Select[Any]:
    paid = OrderItem.unit_amount_cents * OrderItem.quantity
    return (
        select(
            Membership.id, Membership.user_id, User.name, User.email, MembershipPlan.name.label("plan"), Membership.starts_on,
            Membership.ends_on, paid.label("paid_cents"), MembershipPlan.currency,
        )
        .join(User, User.id == Membership.user_id)
        .outerjoin(MembershipPlan, MembershipPlan.id == Membership.plan_id)
        .outerjoin(OrderItem, OrderItem.id == Membership.order_item_id)
        .where(Membership.revoked_at.is_(None))
        .order_by(Membership.ends_on, Membership.id)
    )  # fmt: skip
