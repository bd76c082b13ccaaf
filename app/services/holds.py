"""Finds what is due: holds to end, payments to look up, answers that were lost. The worker's scans; each returns how many it
took on.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app
from sqlalchemy import Select, or_, select

from .. import clock
from ..extensions import db
from ..models import PAYMENT_UNSETTLED, Order, Payment
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from ..transaction import end_read
from . import ending

BATCH = 100


def end_due_holds() -> int:
    """End pending orders whose hold is over or that were given up, unless Stripe was just found unreachable or undecided."""
    now = clock.now()
    asked_already = or_(Payment.attempts > 0, Payment.status == PaymentStatus.PROCESSING)  # a bank may take days: not each scan
    waiting_for_stripe = select(Payment.id).where(
        Payment.order_id == Order.id, Payment.status.in_(UNSETTLED), asked_already, Payment.next_check_at > now
    )
    over = or_(Order.hold_expires_at <= now, Order.cancel_requested_at.is_not(None))
    due = select(Order.id).where(Order.status == OrderStatus.PENDING, over, ~waiting_for_stripe.exists())
    return _each(due.order_by(Order.hold_expires_at).limit(BATCH), ending.end_order)


def settle_unsettled_payments() -> int:
    """Look up at Stripe what no webhook told: open and processing payments whose next look is due, and lost answers."""
    due = select(Payment.id).where(PAYMENT_UNSETTLED, Payment.next_check_at <= clock.now())
    return _each(due.order_by(Payment.next_check_at).limit(BATCH), ending.settle_payment)


def _each(ids: Select[int], work: Callable[[int], object]) -> int:
    """Do each by itself: one that fails is logged and stays due, the rest go on. Returns how many did not fail."""
    found = db.session.execute(ids).scalars().all()
    end_read()
    done = 0
    for one in found:
        try:
            work(one)
            done += 1
        except Exception:
            current_app.logger.exception("%s %s failed; it stays due", getattr(work, "__name__", "work"), one)
    return done
