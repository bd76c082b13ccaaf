"""Who is a member, for the desk: searched by name or address, those whose membership ends first on top. One statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..models import Membership, MembershipPlan, OrderItem, User

LIMIT = 200


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One membership that has not ended. ``paid_cents`` None: it was given."""

    id: int
    name: str
    email: str
    plan: str | None
    starts_on: date
    ends_on: date
    paid_cents: int | None
    currency: str | None


def members(db: Session, today: date, search: str = "") -> Sequence[MemberRow]:
    """Memberships that hold today or begin later, at most 200."""
    where = [Membership.revoked_at.is_(None), Membership.ends_on >= today]
    if search:
        wanted = search.lower()
        where.append(or_(User.email.contains(wanted, autoescape=True), User.name.icontains(wanted, autoescape=True)))
    return _rows(db, where)


def member(db: Session, membership_id: int) -> MemberRow | None:
    """One membership that has not ended."""
    return next(iter(_rows(db, [Membership.revoked_at.is_(None), Membership.id == membership_id])), None)


def _rows(db: Session, where: list[object]) -> list[MemberRow]:
    paid = OrderItem.unit_amount_cents * OrderItem.quantity
    statement = (
        select(
            Membership.id, User.name, User.email, MembershipPlan.name.label("plan"), Membership.starts_on, Membership.ends_on,
            paid.label("paid_cents"), MembershipPlan.currency,
        )
        .join(User, User.id == Membership.user_id)
        .outerjoin(MembershipPlan, MembershipPlan.id == Membership.plan_id)
        .outerjoin(OrderItem, OrderItem.id == Membership.order_item_id)
        .where(*where)  # type: ignore[arg-type]
        .order_by(Membership.ends_on, Membership.id)
        .limit(LIMIT)
    )  # fmt: skip
    return [MemberRow(*row) for row in db.execute(statement)]
