"""A person's decision about a refund that Stripe could not make: try it once more, or say that it was paid back otherwise.

Called by the staff's desk on an open case. The money has been owed in the books since the first try: nothing is booked again
until it leaves.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..extensions import db as flask_db
from ..models import Case, Payment, Refund
from ..queries import still_owed
from ..rules.refusals import InvalidInput, words
from ..transaction import end_read, retried, transaction
from . import adopted_refunds, cases, orders, refunds, superseded
from .by_hand import Means

KIND = superseded.KIND


@retried
def try_again(case_id: int, actor: str, note: str = "") -> int:
    """Owe what is still owed of it to the same card by a new refund; returns the cents. Two clicks make one refund.

    Raises InvalidInput when the case is closed already, is about something else, or nothing of it is owed any more.
    """
    with transaction() as db:
        failed, cents = _failed(db, cases.settle(db, case_id, "tried again", actor, note))
        refunds.add_refund(db, failed.payment_id, cents, failed.reason, actor, order_item_id=failed.order_item_id)
        return cents


def paid_by_hand(case_id: int, actor: str, note: str = "", means: Means = Means.BANK) -> int:
    """Somebody has paid the person back from the bank or in cash: the books follow, and nothing is owed any more. The cents.

    Stripe is asked first whether the money has gone back there meanwhile (promise 4). Raises RefundsUnknown when it cannot be,
    InvalidInput when the case is closed already, is about something else, nothing of it is owed any more, or less than before
    Stripe was asked: the person paid what the page said.
    """
    case = flask_db.session.execute(select(Case).where(Case.id == case_id, Case.closed_at.is_(None))).scalar_one_or_none()
    about = _refund(flask_db.session(), case) if case is not None else None
    seen = still_owed.of_refund(flask_db.session(), about) if about is not None else 0
    payment_id = about.payment_id if about is not None else None
    end_read()
    if payment_id is not None:
        adopted_refunds.catch_up(payment_id)
    return _paid_by_hand(case_id, seen, actor, note, means)


@retried
def _paid_by_hand(case_id: int, seen: int, actor: str, note: str, means: Means) -> int:
    with transaction() as db:
        failed, cents = _failed(db, cases.settle(db, case_id, "paid by hand", actor, note))
        if cents < seen:
            raise InvalidInput(None, words("A part of this money has gone back in another way meanwhile. Look how much is left."))
        refunds.pay_by_hand_instead(db, failed, cents, means, actor)
        return cents


def _failed(db: Session, case: Case) -> tuple[Refund, int]:
    """The refund that such a case is about, with its order locked, and what is still owed of it."""
    failed = _refund(db, case)
    if failed is None:
        raise InvalidInput(None, words("There is no failed refund in this case."))
    payment = db.execute(select(Payment).where(Payment.id == failed.payment_id)).scalar_one()
    orders.lock(db, payment.order_id)
    cents = still_owed.of_refund(db, failed)
    if not cents or refunds.left_to_refund(db, payment) < cents:
        raise InvalidInput(None, words("This money has been given back already. Close the case instead, and say so."))
    return failed, cents


def _refund(db: Session, case: Case) -> Refund | None:
    if case.kind != KIND or "refund" not in case.detail:
        return None
    return db.execute(select(Refund).where(Refund.id == case.detail["refund"])).scalar_one()
