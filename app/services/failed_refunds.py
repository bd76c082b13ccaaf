"""A person's decision about a refund that Stripe could not make: try it once more. Called by the staff's desk on an open case.

The money has been owed in the books since the first try, so nothing is booked again until the second one leaves.
"""

from __future__ import annotations

from sqlalchemy import select

from ..models import Payment, Refund
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import cases, orders, refunds

KIND = "refund_failed"


@retried
def try_again(case_id: int, actor: str, note: str = "") -> int:
    """Owe the same amount to the same card by a new refund; returns the cents. Two clicks make one refund.

    Raises InvalidInput when the case is closed already, is about something else, or that much is not left of the payment.
    """
    with transaction() as db:
        case = cases.settle(db, case_id, "tried again", actor, note)
        if case.kind != KIND or "refund" not in case.detail:
            raise InvalidInput(None, words("There is no refund to try again in this case."))
        failed = db.execute(select(Refund).where(Refund.id == case.detail["refund"])).scalar_one()
        payment = db.execute(select(Payment).where(Payment.id == failed.payment_id)).scalar_one()
        orders.lock(db, payment.order_id)
        if refunds.left_to_refund(db, payment) < failed.amount_cents:
            raise InvalidInput(None, words("This money has been given back already. Close the case instead, and say so."))
        refunds.add_refund(
            db, payment.id, failed.amount_cents, failed.reason, actor, order_item_id=failed.order_item_id
        )
        return failed.amount_cents
