"""A membership as a line of an order: paid it is a span of a person's, before that it is nothing. Called through item_kinds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Order, OrderItem
from ..models.memberships import MembershipPurchase
from ..queries import membership_plans
from ..rules.refusals import Refusal
from ..rules.statuses import OrderStatus
from . import audit, membership_spans, people


class MembershipItem:
    """See ItemHandler. The order's row is locked before the person's."""

    letter = "membership_started"

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Give the span that follows what the person has now; a new person's account is made here and not before.

        False when that span is paid for already (bought twice at once), or the plan's fixed end passed before the money came.
        """
        plan_id = db.execute(
            select(MembershipPurchase.plan_id).where(MembershipPurchase.order_item_id == item.id)
        ).scalar_one()
        plan = membership_plans.by_id(db, plan_id)
        buyer = db.execute(select(Order.user_id, Order.email, Order.name).where(Order.id == item.order_id)).one()
        try:
            user_id = buyer.user_id or people.find(db, buyer.email)
            span = membership_spans.next_span(db, user_id, plan, now)
            if user_id is None:
                user_id, is_new = people.account_for_buyer(db, buyer.email, buyer.name)
                if not is_new:  # somebody paid for the same address in this very moment
                    span = membership_spans.next_span(db, user_id, plan, now)
        except Refusal as refusal:
            audit.record(db, actor, "membership_refused", "order", item.order_id, why=type(refusal).__name__)
            return False
        membership_spans.add(db, user_id, span, actor, plan_id=plan.id, order_item_id=item.id)
        return True

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Nothing was kept."""

    def club_session_id(self, db: Session, item: OrderItem) -> int | None:
        """A membership's money belongs to no club session."""
        return None
