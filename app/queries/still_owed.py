"""What is owed back in the books and on its way by no refund: one has failed, and nothing has taken its place yet.

Called by the services that give money back, with the order locked, and by the desk's cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..models import LedgerEntry, Payment, Refund
from ..rules.statuses import RefundStatus

OWED = "owed:refunds"


@dataclass(frozen=True, slots=True)
class StillOwed:
    """Minor units. A line below zero has had back what was owed for another, or for the whole payment."""

    by_line: Mapping[int | None, int]
    """By the id of an order's line; None: for the payment as a whole."""
    most: int
    """What the payment has left: more cannot go back, whatever is owed."""

    @property
    def cents(self) -> int:
        return max(0, min(sum(self.by_line.values()), self.most))

    def of(self, *lines: int | None) -> int:
        """What is owed for these lines, None among them: for the payment as a whole."""
        return min(self.cents, sum(max(0, self.by_line.get(line, 0)) for line in lines))


def of_payment(db: Session, payment_id: int) -> StillOwed:
    """What is owed of this payment beyond the refunds that are still to be sent. Two statements."""
    by_line: defaultdict[int | None, int] = defaultdict(int)
    booked = (
        select(LedgerEntry.entry_key, LedgerEntry.credit_account, LedgerEntry.amount_cents, Refund.id, Refund.order_item_id)
        .outerjoin(Refund, Refund.id == LedgerEntry.refund_id)
        .where(LedgerEntry.payment_id == payment_id)
        .where(or_(LedgerEntry.credit_account == OWED, LedgerEntry.debit_account == OWED))
    )
    for entry in db.execute(booked):
        line = entry.order_item_id if entry.id is not None else _line(entry.entry_key)
        by_line[line] += entry.amount_cents if entry.credit_account == OWED else -entry.amount_cents
    made = (
        select(Payment.captured_cents, Refund.order_item_id, Refund.status, func.sum(Refund.amount_cents).label("cents"))
        .join(Refund, Refund.payment_id == Payment.id)
        .where(Payment.id == payment_id)
        .group_by(Payment.captured_cents, Refund.order_item_id, Refund.status)
    )
    rows = db.execute(made).all()
    for row in rows:
        by_line[row.order_item_id] -= int(row.cents) if row.status is RefundStatus.REQUESTED else 0
    good = sum(int(row.cents) for row in rows if row.status is not RefundStatus.FAILED)
    return StillOwed(by_line, max((row.captured_cents for row in rows), default=0) - good)


def of_refund(db: Session, refund: Refund) -> int:
    """What is still owed of a refund that failed: it, less what has gone back for the same since."""
    return min(refund.amount_cents, of_payment(db, refund.payment_id).of(refund.order_item_id))


def _line(entry_key: str) -> int | None:
    """The line that money came too late for: owed when it came, before there was a refund to name (services.fulfilment)."""
    _payment, _of, line = entry_key.partition(":item:")
    return int(line) if line else None
