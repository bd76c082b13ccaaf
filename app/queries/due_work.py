"""How far behind the background work is: the age of the oldest due row of each kind, in one statement. Read by monitors and
the desk.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select

from ..config import current_settings
from ..extensions import db
from ..models import PAYMENT_UNSETTLED, REFUND_UNSETTLED, Order, OutgoingEmail, Payment, Refund, SessionChange, StripeEvent
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from . import notices_due, webhooks

EVENT_TRIES = 20
"""An event that was tried so often is a case by now, and not due any more (services.stripe_inbox.MAX_ATTEMPTS)."""


def ages(now: datetime) -> dict[str, int]:
    """Seconds since the oldest row of each kind fell due; 0 when nothing is due.

    A hold is not late while Stripe was asked and has not decided: then its payment is what is looked up again.
    """
    asked = or_(Payment.attempts > 0, Payment.status == PaymentStatus.PROCESSING)
    undecided = select(Payment.id).where(Payment.order_id == Order.id, Payment.status.in_(UNSETTLED), asked)
    oldest = {
        "mail": select(func.min(OutgoingEmail.next_attempt_at)).where(
            OutgoingEmail.sent_at.is_(None), OutgoingEmail.failed_at.is_(None)
        ),
        "holds": select(func.min(Order.hold_expires_at)).where(
            Order.status == OrderStatus.PENDING, ~undecided.exists()
        ),
        "payments": select(func.min(Payment.next_check_at)).where(PAYMENT_UNSETTLED),
        "refunds": select(func.min(Refund.next_attempt_at)).where(REFUND_UNSETTLED),
        "events": select(func.min(StripeEvent.created_at)).where(
            StripeEvent.processed_at.is_(None), StripeEvent.attempts < EVENT_TRIES
        ),
        "changes": select(func.min(SessionChange.created_at)).where(SessionChange.told_at.is_(None)),
    }
    if current_settings().whatsapp:  # switched off, they wait and nobody is late
        oldest["notices"] = notices_due.oldest()
    row = db.session.execute(select(*(statement.scalar_subquery().label(name) for name, statement in oldest.items()))).one()
    return {name: max(0, int((now - moment).total_seconds())) if moment else 0 for name, moment in row._mapping.items()}


def last_webhook_at() -> datetime | None:
    """When Stripe last told us something by itself; None: never."""
    told: datetime | None = db.session.execute(select(webhooks.last_told())).scalar_one()
    return told
