"""Closes the cases of failed refunds whose money has gone back since, or is on its way. Called by whatever gives money back, with
the order locked.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import Case, Refund
from ..queries import still_owed
from . import cases

KIND = "refund_failed"


def close_cases(db: Session, payment_id: int) -> None:
    """What is still owed is owed for the newest failures: the cases before them have nothing left to decide."""
    mine = (Case.kind == KIND, Case.payment_id == payment_id, Case.closed_at.is_(None))
    found = db.execute(select(Case).where(*mine).order_by(Case.id.desc())).scalars().all()
    if not found:
        return
    owed = still_owed.of_payment(db, payment_id)
    covered: dict[int | None, int] = {}
    for case in found:
        failed = db.execute(select(Refund).where(Refund.id == case.detail.get("refund"))).scalar_one()
        line = failed.order_item_id
        if covered.get(line, 0) >= owed.of(line):
            cases.close_by_key(db, case.dedupe_key, "given back since")
        covered[line] = covered.get(line, 0) + failed.amount_cents
