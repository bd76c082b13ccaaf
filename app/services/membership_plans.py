"""The membership plans: made, changed and taken off sale by staff, each change on the record. Called by the desk.

A plan is never deleted: memberships and receipts name it. What was sold stays as it was sold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import MembershipPlan
from ..queries import membership_plans
from ..rules import money
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import audit
from .writes import insert_once

_P = MembershipPlan
DEAREST = 100_000_000
LONGEST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class PlanFields:
    """A plan as asked for. Amounts in minor units; exactly one of ``length_months`` and ``fixed_end_on``."""

    name: str
    price_cents: int
    currency: str
    description: str = ""
    student_price_cents: int | None = None
    length_months: int | None = None
    fixed_end_on: date | None = None
    on_sale_from: datetime | None = None
    on_sale_until: datetime | None = None


@retried
def create_plan(fields: PlanFields, actor: str) -> str:
    """Add a plan and return its slug. Raises InvalidInput."""
    fields = _checked(fields)
    with transaction() as db:
        for slug in _slugs(fields.name):
            if insert_once(db, _P, _P.slug, slug=slug, **asdict(fields)):
                plan_id = db.execute(select(_P.id).where(_P.slug == slug)).scalar_one()
                audit.record(db, actor, "plan_created", "membership_plan", plan_id, **_json(asdict(fields)))
                return slug
    raise InvalidInput("name", words("There are too many plans of this name. Choose another."))


@retried
def edit_plan(slug: str, fields: PlanFields, actor: str) -> None:
    """Change a plan for those who buy it from now on. Raises InvalidInput."""
    fields = _checked(fields)
    with transaction() as db:
        _write(db, slug, asdict(fields), actor, "plan_edited")


@retried
def retire_plan(slug: str, actor: str) -> None:
    """Take a plan off sale now; memberships bought under it go on. Raises InvalidInput."""
    with transaction() as db:
        _write(db, slug, {"on_sale_until": clock.now()}, actor, "plan_retired")


def _write(db: Session, slug: str, values: dict[str, Any], actor: str, action: str) -> None:
    before = membership_plans.find(db, slug)
    if before is None:
        raise InvalidInput(None, words("There is no such membership plan."))
    changes = {name: value for name, value in values.items() if value != getattr(before, name)}
    if changes:
        db.execute(update(_P).where(_P.id == before.id).values(changes).execution_options(synchronize_session=False))
        then = _json({name: getattr(before, name) for name in changes})
        now = _json(changes)
        audit.record(db, actor, action, "membership_plan", before.id, **{name: [then[name], now[name]] for name in changes})


def _checked(fields: PlanFields) -> PlanFields:
    """The fields if they make sense together; raises InvalidInput for the first that does not."""
    if not 1 <= len(fields.name.strip()) <= 200:
        raise InvalidInput("name", words("Enter a name of up to 200 characters."))
    for field in ("price_cents", "student_price_cents"):
        cents = getattr(fields, field)
        if cents is not None and not (0 <= cents <= DEAREST and money.chargeable(cents, fields.currency)):
            raise InvalidInput(field, words("Enter 0, or a price that can be paid by card."))
    if (fields.length_months is None) == (fields.fixed_end_on is None):
        raise InvalidInput("length_months", words("Enter either a number of months or a last day."))
    if fields.length_months is not None and not 1 <= fields.length_months <= LONGEST_MONTHS:
        raise InvalidInput("length_months", words("Enter a number of months from 1 to 120."))
    if fields.on_sale_from and fields.on_sale_until and fields.on_sale_until <= fields.on_sale_from:
        raise InvalidInput("on_sale_until", words("Enter an end of the sale after its beginning."))
    return fields


def _slugs(name: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = "-".join(re.findall(r"[a-z0-9]+", plain))[:70].strip("-") or "membership"
    yield base
    yield from (f"{base}-{number}" for number in range(2, 100))


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
