"""The one writer of memberships: each begins, is lengthened and ends here, inside the transaction of whoever causes it.

Called by the item handler (bought), the memberships service (staff) and the refunds. Knows nothing of money.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session, aliased

from .. import clock
from ..models import Membership, OrderItem
from ..queries import memberships
from ..queries.membership_plans import PlanView
from ..rules import memberships as rules
from ..rules.memberships import Span
from . import audit, people
from .writes import changed

_M = Membership


def would_be(db: Session, user_id: int | None, plan: PlanView, now: datetime) -> Span:
    """What buying the plan would give this person (None: nobody yet) as things stand. Raises AlreadyMember, PlanNotOnSale."""
    today = memberships.club_today(now)
    return rules.next_span(plan.terms, today, None if user_id is None else memberships.runs_to(db, user_id, today))


def next_span(db: Session, user_id: int | None, plan: PlanView, now: datetime) -> Span:
    """The same once the person is locked, so that nobody else can give it to them meanwhile."""
    if user_id is not None:
        people.lock(db, user_id)
    return would_be(db, user_id, plan, now)


def add(
    db: Session,
    user_id: int,
    span: Span,
    actor: str,
    *,
    plan_id: int | None = None,
    order_item_id: int | None = None,
    reason: str = "",
) -> int:
    """Begin a span; ``reason`` is what staff say."""
    values = {
        "user_id": user_id,
        "plan_id": plan_id,
        "order_item_id": order_item_id,
        "starts_on": span.starts_on,
        "ends_on": span.ends_on,
    }
    membership_id = int(db.execute(insert(_M).values(values).returning(_M.id)).scalar_one())
    detail = {"user": user_id, "starts_on": span.starts_on.isoformat(), "ends_on": span.ends_on.isoformat()}
    audit.record(db, actor, "membership_started", "membership", membership_id, **detail, **({"reason": reason} if reason else {}))
    return membership_id


def runs_into_next(db: Session, membership_id: int, ends_on: date) -> bool:
    """Whether a later last day would give days that the person's next span gives already."""
    other = aliased(_M)
    next_one = (other.user_id == _M.user_id, other.starts_on > _M.starts_on, other.revoked_at.is_(None))
    covered = exists().where(*next_one, other.starts_on <= ends_on)
    return db.execute(select(_M.id).where(_M.id == membership_id, _M.ends_on < ends_on, covered)).first() is not None


def lengthen(db: Session, membership_id: int, ends_on: date, actor: str, reason: str) -> bool:
    """Move the last day of a span that is not revoked; whoever is to be reminded is reminded of the new one."""
    before = db.execute(select(_M.ends_on).where(_M.id == membership_id)).scalar_one()
    valid = (_M.id == membership_id, _M.revoked_at.is_(None), _M.starts_on <= ends_on)
    if not changed(db, update(_M).where(*valid).values(ends_on=ends_on, reminded_days=None)):
        return False
    detail = {"before": before.isoformat(), "ends_on": ends_on.isoformat(), "reason": reason}
    audit.record(db, actor, "membership_extended", "membership", membership_id, **detail)
    return True


def end(db: Session, membership_id: int, actor: str, reason: str) -> bool:
    """End a span now; False when it was ended before. What was registered at member price stays."""
    valid = (_M.id == membership_id, _M.revoked_at.is_(None))
    if not changed(db, update(_M).where(*valid).values(revoked_at=clock.now())):
        return False
    audit.record(db, actor, "membership_ended", "membership", membership_id, reason=reason)
    return True


def end_refunded_item(db: Session, order_item_id: int, refunded_cents: int, actor: str) -> None:
    """End the membership that this line of an order bought, once all of its price has gone back. Any other line, and one that
    cost nothing: nothing.
    """
    row = db.execute(
        select(_M.id, OrderItem.unit_amount_cents, OrderItem.quantity)
        .join(OrderItem, OrderItem.id == _M.order_item_id)
        .where(OrderItem.id == order_item_id)
    ).one_or_none()
    if row is not None and refunded_cents >= row.unit_amount_cents * row.quantity > 0:
        end(db, row.id, actor, "refunded")
