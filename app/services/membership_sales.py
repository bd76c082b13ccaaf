"""What selling a membership adds to an order, whatever else is in it. Called by memberships (alone) and registrations (join and
book), inside their transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import OrderItem
from ..models.memberships import MembershipPurchase
from ..queries import membership_plans
from ..queries.membership_plans import PlanView
from ..queries.memberships import Standing
from ..rules import memberships as rules
from ..rules.memberships import PlanNotOnSale
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ItemKind
from . import membership_spans, order_lines, orders
from .membership_item import MembershipItem
from .order_lines import PricedLine


@dataclass(frozen=True, slots=True)
class Sale:
    """A plan at the price that this person pays for it."""

    plan: PlanView
    price: rules.Price


def for_sale(db: Session, slug: str, user_id: int | None, email: str, standing: Standing, now: datetime) -> Sale:
    """The plan for this person now. Raises PlanNotOnSale, AlreadyMember (for somebody signed in), InvalidInput.

    Whether a visitor's address belongs to a member already is not looked at: the answer would tell whoever types it.
    """
    plan = membership_plans.find(db, slug)
    if plan is None or not rules.on_sale(now, plan.on_sale_from, plan.on_sale_until):
        raise PlanNotOnSale
    if user_id is not None and not standing.own_address:
        raise InvalidInput("email", words("A membership belongs to one person. Use the address of your own account."))
    sale = priced(plan, user_id, email, standing)
    if user_id is None and sale.price.cents == 0:
        raise InvalidInput(None, words("Sign in first: a membership that costs nothing is for people with an account."))
    membership_spans.next_span(db, user_id, plan, now)
    return sale


def priced(plan: PlanView, user_id: int | None, email: str | None, standing: Standing) -> Sale:
    """What the plan costs: the student price with a student's address or the staff's approval.

    A visitor need not prove the address first: the membership can be used only by whoever reads its mail.
    """
    is_student = standing.is_student
    if user_id is None and email is not None:
        is_student = rules.is_student_address(email, current_settings().student_domains)
    return Sale(plan, plan.price(is_student=is_student))


def lines(sale: Sale) -> list[PricedLine]:
    """The membership as lines of an order."""
    return order_lines.of_plan(sale.plan.name, sale.price, sale.plan.currency)


def add_item(db: Session, order_id: int, sale: Sale, now: datetime, actor: str, *, done: bool) -> int:
    """Write the line of the order and what it is for; the item's id. ``done``: nothing is to pay, so it begins now."""
    sold = lines(sale)
    item_id = orders.add_item(db, order_id, ItemKind.MEMBERSHIP, order_lines.summed(sale.plan.name, sold), lines=sold)
    values = {"order_item_id": item_id, "plan_id": sale.plan.id, "is_student": sale.price.is_student}
    db.execute(insert(MembershipPurchase).values(values))
    if done:
        item = db.execute(select(OrderItem).where(OrderItem.id == item_id)).scalar_one()
        MembershipItem().fulfil(db, item, actor, now)
    return item_id
