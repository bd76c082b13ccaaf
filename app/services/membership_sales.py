"""Which plan may be sold to whom, and at which price. Called by the item handler and by the pages that show a plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ..config import current_settings
from ..queries import membership_plans
from ..queries.membership_plans import PlanView
from ..queries.memberships import Standing
from ..rules import memberships as rules
from ..rules.memberships import PlanNotOnSale
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ItemKind
from . import membership_spans, order_lines, vouchers
from .order_lines import PricedLine
from .vouchers import Applied, Sold


@dataclass(frozen=True, slots=True)
class Sale:
    """A plan at the price that this person pays for it."""

    plan: PlanView
    price: rules.Price


def for_sale(db: Session, slug: str, user_id: int | None, email: str | None, standing: Standing, now: datetime) -> Sale:
    """The plan for this person now. Raises PlanNotOnSale, AlreadyMember (for somebody signed in), InvalidInput.

    Whether a visitor's address belongs to a member already is not looked at: the answer would tell whoever types it.
    """
    plan = membership_plans.find(db, slug)
    if plan is None or not rules.on_sale(now, plan.on_sale_from, plan.on_sale_until):
        raise PlanNotOnSale
    if user_id is not None and not standing.own_address:
        raise InvalidInput("email", words("A membership belongs to one person. Use the address of your own account."))
    sale = priced(plan, user_id, email, standing)
    check_account(sale.price.cents, user_id)
    membership_spans.would_be(db, user_id, plan, now)
    return sale


def check_account(cents: int, user_id: int | None) -> None:
    """Raise InvalidInput for a visitor who would pay nothing: nobody becomes a member by typing somebody's address."""
    if user_id is None and cents == 0:
        raise InvalidInput(None, words("Sign in first: a membership that costs nothing is for people with an account."))


def priced(plan: PlanView, user_id: int | None, email: str | None, standing: Standing) -> Sale:
    """What the plan costs: the student price with a student's address or the staff's approval.

    A visitor need not prove the address first: the membership can be used only by whoever reads its mail.
    """
    is_student = standing.is_student
    if user_id is None and email is not None:
        is_student = rules.is_student_address(email, current_settings().student_domains)
    return Sale(plan, plan.price(is_student=is_student))


def with_code(
    db: Session, sale: Sale, code: str, user_id: int | None, email: str | None, now: datetime, replaces: int | None
) -> Applied | None:
    """What the code takes off, for the page that shows it. Raises VoucherRefused, and InvalidInput as ``check_account`` does.

    ``replaces``: their own unpaid order for it, see ``vouchers.apply``.
    """
    if not code:
        return None
    sold = [Sold(ItemKind.MEMBERSHIP, sale.plan.id, lines(sale))]
    applied = vouchers.apply(
        db, code, sold, sale.plan.currency, email=email, is_member=True, now=now, replaces=replaces
    )  # a member by this very order
    check_account(sale.price.cents - applied.saved_cents, user_id)
    return applied


def lines(sale: Sale) -> list[PricedLine]:
    """The membership as lines of an order."""
    return order_lines.of_plan(sale.plan.name, sale.price, sale.plan.currency)
