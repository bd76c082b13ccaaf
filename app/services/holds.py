"""Finds what is due: holds to end, payments to look up, answers that were lost. The worker's scans; each returns how many it
took on.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app
from sqlalchemy import Select, bindparam, or_, select

from .. import clock
from ..models import PAYMENT_UNSETTLED, Order, Payment
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from . import due, ending

BATCH = 100
_ASKED_ALREADY = or_(Payment.attempts > 0, Payment.status == PaymentStatus.PROCESSING)  # a bank may take days: not each scan
_WAITING_FOR_STRIPE = select(Payment.id).where(
    Payment.order_id == Order.id, Payment.status.in_(UNSETTLED), _ASKED_ALREADY, Payment.next_check_at > bindparam("now")
)
_HOLDS_OVER = (
    select(Order.id)
    .where(Order.status == OrderStatus.PENDING, ~_WAITING_FOR_STRIPE.exists())
    .where(or_(Order.hold_expires_at <= bindparam("now"), Order.cancel_requested_at.is_not(None)))
    .order_by(Order.hold_expires_at)
    .limit(BATCH)
)
_UNSETTLED = (
    select(Payment.id)
    .where(PAYMENT_UNSETTLED, Payment.next_check_at <= bindparam("now"))
    .order_by(Payment.next_check_at)
    .limit(BATCH)
)


def end_due_holds() -> int:
    """End pending orders whose hold is over or that were given up, unless Stripe was just found unreachable or undecided."""
    return _each(_HOLDS_OVER, ending.end_order)


def settle_unsettled_payments() -> int:
    """Look up at Stripe what no webhook told: open and processing payments whose next look is due, and lost answers."""
    return _each(_UNSETTLED, ending.settle_payment)


def _each(ids: Select[int], work: Callable[[int], object]) -> int:
    """Do each by itself: one that fails is logged and stays due, the rest go on. Returns how many did not fail."""
    done = 0
    for one in due.found(ids, now=clock.now()):
        try:
            work(one)
            done += 1
        except Exception:
            current_app.logger.exception("%s %s failed; it stays due", getattr(work, "__name__", "work"), one)
    return done
