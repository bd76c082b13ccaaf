"""How far behind the background work is: the age of the oldest due row of each kind, in one statement. Read by monitors and
the desk.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from ..extensions import db
from ..models import Order, OutgoingEmail, Payment, Refund, StripeEvent
from ..rules.statuses import UNSETTLED, OrderStatus, RefundStatus


def ages(now: datetime) -> dict[str, int]:
    """Seconds since the oldest row of each kind fell due; 0 when nothing is due."""
    oldest = {
        "mail": select(func.min(OutgoingEmail.next_attempt_at)).where(
            OutgoingEmail.sent_at.is_(None), OutgoingEmail.failed_at.is_(None)
        ),
        "holds": select(func.min(Order.hold_expires_at)).where(Order.status == OrderStatus.PENDING),
        "payments": select(func.min(Payment.next_check_at)).where(Payment.status.in_(UNSETTLED)),
        "refunds": select(func.min(Refund.next_attempt_at)).where(Refund.status == RefundStatus.REQUESTED),
        "events": select(func.min(StripeEvent.created_at)).where(StripeEvent.processed_at.is_(None)),
    }
    row = db.session.execute(select(*(statement.scalar_subquery().label(name) for name, statement in oldest.items()))).one()
    return {name: max(0, int((now - moment).total_seconds())) if moment else 0 for name, moment in row._mapping.items()}
