"""Whether Stripe tells us of payments by itself. Read by the desk, its page of the books and `flask doctor`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ScalarSelect, func, select

from ..extensions import db
from ..models import Payment, StripeEvent
from ..rules.statuses import PaymentStatus

SILENCE = timedelta(minutes=10)
"""Stripe tells of a payment within seconds; after this long without a word it does not tell us at all."""


def last_told() -> ScalarSelect[datetime | None]:
    """SQL for when the newest message came; what was fetched because no webhook brought it does not count."""
    return select(func.max(StripeEvent.created_at)).where(StripeEvent.attempts > 0).scalar_subquery()


def last_paid() -> ScalarSelect[datetime | None]:
    """SQL for when somebody last paid by Stripe."""
    paid = (Payment.status == PaymentStatus.SUCCEEDED, Payment.provider == "stripe")
    return select(func.max(Payment.paid_at)).where(*paid).scalar_subquery()


def silent_since(told: datetime | None, paid: datetime | None) -> datetime | None:
    """When somebody paid without Stripe telling us, or None: then its messages come, or nobody has paid since the last one."""
    if paid is None or (told is not None and paid - told <= SILENCE):
        return None
    return paid


def told_at() -> datetime | None:
    """When Stripe last told us something by itself. One statement."""
    found: datetime | None = db.session.execute(select(last_told())).scalar_one()
    return found


def silence() -> datetime | None:
    """``silent_since`` as it is now. One statement."""
    row = db.session.execute(select(last_told().label("told"), last_paid().label("paid"))).one()
    return silent_since(row.told, row.paid)
