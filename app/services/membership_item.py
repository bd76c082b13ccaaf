"""A membership as a line of an order: paid it is a span of a person's, before that it is nothing. Called through ``items``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask_babel import gettext, lazy_gettext  # type: ignore[import-untyped]
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import Membership, MembershipPlan, Order, OrderItem
from ..models.memberships import MembershipPurchase
from ..queries import membership_plans
from ..queries.item_facts import ItemFacts, KindWords
from ..rules.memberships import OneMembership
from ..rules.refusals import Refusal
from ..rules.statuses import ItemKind, OrderStatus
from . import audit, membership_sales, membership_spans, order_lines, orders, people
from .items import Buyer, ItemHandler, OrderKey, Quoted, Recorded, Reserved, Wanted
from .membership_sales import Sale


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedMembership(Quoted):
    """A plan at the price of this person."""

    sale: Sale


class MembershipItem(ItemHandler[QuotedMembership]):
    """See ItemHandler. The order's row is locked before the person's."""

    kind: ClassVar[ItemKind] = ItemKind.MEMBERSHIP
    rank: ClassVar[int] = 20
    in_baskets: ClassVar[bool] = True
    quoted_first: ClassVar[bool] = True
    words: ClassVar[KindWords] = KindWords(
        noun=lazy_gettext("Membership"),
        had=lazy_gettext("You are a member"),
        to_pay=lazy_gettext("Pay to become a member"),
        give_up=lazy_gettext("You are not charged, and do not become a member."),
        shop=("memberships.plans", lazy_gettext("Membership")),
    )

    def quote(self, db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> QuotedMembership:
        """The plan for this person now; see ``membership_sales.for_sale``. Raises OneMembership for the second of an order."""
        if buyer.joins:
            raise OneMembership
        sale = membership_sales.for_sale(db, wanted.slug, buyer.user_id, buyer.email, buyer.standing, now)
        lines = membership_sales.lines(sale)
        plan = sale.plan
        return QuotedMembership(wanted, plan.name, plan.currency, lines, plan.id, joins=True, sale=sale)

    def check_price(self, quoted: QuotedMembership, buyer: Buyer) -> None:
        """What costs nothing is for people with an account, by a code too."""
        membership_sales.check_account(quoted.total_cents, buyer.user_id)

    def reserve(self, db: Session, quoted: QuotedMembership, buyer: Buyer, now: datetime) -> Reserved[QuotedMembership]:
        """Nothing is scarce; but what costs nothing begins at once, so the person is locked and asked again."""
        if quoted.total_cents == 0:
            membership_spans.next_span(db, buyer.user_id, quoted.sale.plan, now)
        return Reserved(quoted)

    def record(
        self, db: Session, order: OrderKey, reserved: Reserved[QuotedMembership], buyer: Buyer, now: datetime, *, done: bool
    ) -> Recorded:
        """Write the line of the order and what it is for; with nothing to pay the membership begins now."""
        quoted = reserved.quoted
        whole = order_lines.summed(quoted.title, quoted.lines)
        item_id = orders.add_item(db, order.id, self.kind, whole, lines=quoted.lines).id
        values = {"order_item_id": item_id, "plan_id": quoted.subject_id, "is_student": quoted.sale.price.is_student}
        db.execute(insert(MembershipPurchase).values(values))
        if done:
            item = db.execute(select(OrderItem).where(OrderItem.id == item_id)).scalar_one()
            if not self.fulfil(db, item, buyer.actor, now):
                raise AssertionError("a membership that was free under the lock is not")
        return Recorded(item_id, reserved, {"membershipPlan": quoted.sale.plan.slug})

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

    def refund(self, db: Session, item: OrderItem, gone_cents: int, actor: str) -> None:
        """A membership that is paid back in full ends; what was registered at member price stays."""
        membership_spans.end_refunded_item(db, item.id, gone_cents, actor)

    def metadata(self, db: Session, item: OrderItem) -> Mapping[str, str]:
        slug = db.execute(
            select(MembershipPlan.slug)
            .join(MembershipPurchase, MembershipPurchase.plan_id == MembershipPlan.id)
            .where(MembershipPurchase.order_item_id == item.id)
        ).scalar_one()
        return {"membershipPlan": slug}

    def letter(self, db: Session, item: OrderItem) -> str:
        return "membership_started"

    def apology(self, ended: OrderStatus) -> str:
        return "membership_refunded"

    def path(self, slug: str) -> str:
        return "/membership"

    def facts(self, db: Session, order_id: int) -> Mapping[int, ItemFacts]:
        """The span that a paid line has become."""
        rows = db.execute(
            select(OrderItem.id, Membership, MembershipPlan.name)
            .join(Membership, Membership.order_item_id == OrderItem.id)
            .join(MembershipPlan, MembershipPlan.id == Membership.plan_id)
            .where(OrderItem.order_id == order_id)
        ).all()
        return {item_id: _facts(membership, plan) for item_id, membership, plan in rows}


def _facts(membership: Membership, plan: str) -> ItemFacts:
    over = membership.revoked_at is not None
    mail: dict[str, Any] = {
        "plan": plan,
        "starts_on": membership.starts_on.isoformat(),
        "ends_on": membership.ends_on.isoformat(),
        "url": f"{current_settings().site_url}/membership",
    }
    return ItemFacts(
        rows=((gettext("From"), membership.starts_on), (gettext("To"), membership.ends_on)),
        state=gettext("Ended") if over else gettext("Member"),
        tone="red" if over else "green",
        over=over,
        owner_id=membership.user_id,
        mail={"membership": mail},
    )
