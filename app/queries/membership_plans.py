"""The membership plans: those on sale for the pages that sell them, all of them for the desk. One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from ..models import MembershipPlan
from ..rules import memberships as rules

_P = MembershipPlan


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as pages show it. Amounts in minor units; exactly one of ``length_months`` and ``fixed_end_on`` is set."""

    id: int
    slug: str
    name: str
    description: str
    price_cents: int
    student_price_cents: int | None
    currency: str
    length_months: int | None
    fixed_end_on: date | None
    on_sale_from: datetime | None
    on_sale_until: datetime | None

    @property
    def terms(self) -> rules.Terms:
        return rules.Terms(self.length_months, self.fixed_end_on)

    def price(self, *, is_student: bool) -> rules.Price:
        """What it costs this person."""
        return rules.price(self.price_cents, self.student_price_cents, is_student=is_student)


def on_sale(db: Session, now: datetime, today: date, *, currency: str | None = None) -> Sequence[PlanView]:
    """The plans that can be bought now, cheapest first; those whose fixed end has passed are not. ``currency``: only these."""
    where = [
        or_(_P.on_sale_from.is_(None), _P.on_sale_from <= now),
        or_(_P.on_sale_until.is_(None), _P.on_sale_until > now),
        or_(_P.fixed_end_on.is_(None), _P.fixed_end_on >= today),
    ]
    if currency is not None:
        where.append(_P.currency == currency)
    return _views(db, select(_P).where(*where).order_by(_P.price_cents, _P.name, _P.id))


def everything(db: Session) -> Sequence[PlanView]:
    """Every plan there ever was, by name: for the desk."""
    return _views(db, select(_P).order_by(_P.name, _P.id))


def find(db: Session, slug: str) -> PlanView | None:
    """One plan, on sale or not."""
    return next(iter(_views(db, select(_P).where(_P.slug == slug))), None)


def by_id(db: Session, plan_id: int) -> PlanView:
    """One plan that is known to exist."""
    return _views(db, select(_P).where(_P.id == plan_id))[0]


def _views(db: Session, statement: Select[tuple[MembershipPlan]]) -> list[PlanView]:
    plans = db.execute(statement.execution_options(populate_existing=True)).scalars()
    return [
        PlanView(
            p.id, p.slug, p.name, p.description, p.price_cents, p.student_price_cents, p.currency,
            p.length_months, p.fixed_end_on, p.on_sale_from, p.on_sale_until,
        )
        for p in plans
    ]  # fmt: skip
