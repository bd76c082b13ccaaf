"""A person's decision about a refund that Stripe could not make: try it once more, or say that it was paid back otherwise.

Called by the staff's desk on an open case. The money has been owed in the books since the first try: nothing is booked again
until it leaves.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..extensions import db as flask_db
from ..models import Case, Payment, Refund
from ..rules.refusals import InvalidInput, words
from ..transaction import end_read, retried, transaction
from . import adopted_refunds, cases, orders, refunds
from .by_hand import Means

KIND = "refund_failed"


@retried
def try_again(case_id: int, actor: str, note: str = "") -> int:
    """Owe the same amount to the same card by a new refund; returns the cents. Two clicks make one refund.

    Raises InvalidInput when the case is closed already, is about something else, or that much is not left of the payment.
    """
    with transaction() as db:
        failed = _failed(db, cases.settle(db, case_id, "tried again", actor, note))
        refunds.add_refund(
            db, failed.payment_id, failed.amount_cents, failed.reason, actor, order_item_id=failed.order_item_id
        )
        return failed.amount_cents


def paid_by_hand(case_id: int, actor: str, note: str = "", means: Means = Means.BANK) -> int:
    """Somebody has paid the person back from the bank or in cash: the books follow, and nothing is owed any more. The cents.

    Stripe is asked first whether the money has gone back there meanwhile (promise 4). Raises RefundsUnknown when it cannot be,
    InvalidInput when the case is closed already, is about something else, or that much is not left of the payment.
    """
    about = flask_db.session.execute(select(Case.payment_id).where(Case.id == case_id, Case.closed_at.is_(None)))
    payment_id = about.scalar_one_or_none()
    end_read()
    if payment_id is not None:
        adopted_refunds.catch_up(payment_id)
    return _paid_by_hand(case_id, actor, note, means)


@retried
def _paid_by_hand(case_id: int, actor: str, note: str, means: Means) -> int:
    with transaction() as db:
        failed = _failed(db, cases.settle(db, case_id, "paid by hand", actor, note))
        refunds.pay_by_hand_instead(db, failed, means, actor)
        return failed.amount_cents


def _failed(db: Session, case: Case) -> Refund:
    """The refund that such a case is about, with its order locked and its money still owed."""
    if case.kind != KIND or "refund" not in case.detail:
        raise InvalidInput(None, words("There is no failed refund in this case."))
    failed = db.execute(select(Refund).where(Refund.id == case.detail["refund"])).scalar_one()
    payment = db.execute(select(Payment).where(Payment.id == failed.payment_id)).scalar_one()
    orders.lock(db, payment.order_id)
    if refunds.left_to_refund(db, payment) < failed.amount_cents:
        raise InvalidInput(None, words("This money has been given back already. Close the case instead, and say so."))
    return failed
