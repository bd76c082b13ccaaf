"""A person's decision about money that fits no order: give it back or keep it. Called by the staff's desk on an open case."""

from __future__ import annotations

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from ..models import Case, LedgerEntry, Payment
from ..queries import still_owed
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import cases, ledger, letters, orders, refunds, superseded
from .by_hand import Means

KIND = "payment_mismatch"
BY_HAND = "refund_by_hand"


@retried
def give_back(case_id: int, actor: str, note: str = "") -> int:
    """Refund in full what a mismatched payment captured, and tell the payer; returns the cents. Two clicks make one refund."""
    with transaction() as db:
        payment = _payment(db, cases.settle(db, case_id, "refunded", actor, note))
        left = refunds.left_to_refund(db, payment)
        if left:
            owed = min(left, still_owed.of_payment(db, payment.id).cents)
            refund_id = refunds.add_refund(db, payment.id, left, "mismatch", actor)
            names = {"payment_id": payment.id, "refund_id": refund_id}
            ledger.book(db, f"refund:{refund_id}:owed", ledger.SUSPENSE, ledger.OWED, left - owed, payment.currency, **names)
            superseded.close_cases(db, payment.id)
            letters.owe_order_letter(db, "refunded_mismatch", payment.order_id, key=f"payment:{payment.id}", refund_cents=left)
        return left


@retried
def keep(case_id: int, actor: str, note: str = "") -> None:
    """Keep what has not gone back of it, for a reason that lies outside Muster: it becomes other revenue."""
    with transaction() as db:
        payment = _payment(db, cases.settle(db, case_id, "kept", actor, note))
        key, left = f"payment:{payment.id}:kept", _left(db, payment.id)
        ledger.book(db, key, ledger.SUSPENSE, ledger.revenue("other"), left, payment.currency, payment_id=payment.id)


@retried
def paid_by_hand(case_id: int, actor: str, note: str = "", means: Means | None = None) -> None:
    """Somebody has been paid back by ``means`` (None: as they paid): the refund is done. InvalidInput for any other case."""
    with transaction() as db:
        case = cases.settle(db, case_id, "paid by hand", actor, note)
        if case.kind != BY_HAND:
            raise InvalidInput(None, words("There is nothing to pay out by hand in this case."))
        refunds.record_by_hand(db, int(case.detail["refund"]), actor, means)


def _payment(db: Session, case: Case) -> Payment:
    """The payment of such a case, with its order locked."""
    if case.kind != KIND or case.payment_id is None:
        raise InvalidInput(None, words("There is no payment to decide about in this case."))
    payment = db.execute(select(Payment).where(Payment.id == case.payment_id)).scalar_one()
    orders.lock(db, payment.order_id)
    return payment


def _left(db: Session, payment_id: int) -> int:
    """What the books have of it in suspense."""
    signed = case((LedgerEntry.credit_account == ledger.SUSPENSE, LedgerEntry.amount_cents), else_=-LedgerEntry.amount_cents)
    there = or_(LedgerEntry.credit_account == ledger.SUSPENSE, LedgerEntry.debit_account == ledger.SUSPENSE)
    left = select(func.coalesce(func.sum(signed), 0)).where(LedgerEntry.payment_id == payment_id, there)
    return int(db.execute(left).scalar_one())
