"""The cases that wait for a person, in words. Read by `flask reconcile` and the desk."""

from __future__ import annotations

from sqlalchemy import select

from ..extensions import db
from ..models import Case, Order


def lines() -> list[str]:
    """One line a case, oldest first: what, which order, and the facts kept with it."""
    rows = db.session.execute(
        select(Case.id, Case.kind, Case.detail, Case.created_at, Order.reference)
        .outerjoin(Order, Order.id == Case.order_id)
        .where(Case.closed_at.is_(None))
        .order_by(Case.id)
    ).all()
    return [
        f"case {row.id}: {row.kind.replace('_', ' ')}"
        + (f", order {row.reference}" if row.reference else "")
        + "".join(f", {name} {value}" for name, value in row.detail.items())
        for row in rows
    ]
