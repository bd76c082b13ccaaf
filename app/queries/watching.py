"""The figures that an operator watches, read when a monitor asks: what is held, offered, owed and open, and how late work is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from ..extensions import db
from ..models import Case, Order, OutgoingEmail, Registration
from ..rules.statuses import OrderStatus, RegistrationStatus
from . import due_work, notices_due

NEVER = -1.0
"""The age of a webhook that has never come."""


def gauges(now: datetime) -> dict[str, tuple[str, dict[str, float]]]:
    """By name: what it means, and the figure of each kind. Three statements, however long the club's past is."""
    counted = {
        "holds": select(func.count()).where(Order.status == OrderStatus.PENDING, Order.hold_expires_at.is_not(None)),
        "offers": select(func.count()).where(Registration.status == RegistrationStatus.OFFERED),
        "mails_owed": select(func.count()).where(OutgoingEmail.sent_at.is_(None), OutgoingEmail.failed_at.is_(None)),
        "mails_failed": select(func.count()).where(OutgoingEmail.failed_at.is_not(None)),
        "notices_owed": notices_due.owed(),
        "notices_failed": notices_due.failed(),
        "open_cases": select(func.count()).where(Case.closed_at.is_(None)),
    }
    row = db.session.execute(select(*(statement.scalar_subquery().label(name) for name, statement in counted.items()))).one()
    told = due_work.last_webhook_at()
    return {
        **{name: (MEANINGS[name], {"": float(figure)}) for name, figure in row._mapping.items()},
        "oldest_due_seconds": ("How late the oldest due work of each kind is.", _floats(due_work.ages(now))),
        "last_webhook_seconds": ("Since Stripe last told us anything; -1: never.", {"": _age(now, told)}),
    }


MEANINGS = {
    "holds": "Orders whose places are kept while they are paid.",
    "offers": "Offers that wait for an answer.",
    "mails_owed": "Mails not sent yet.",
    "mails_failed": "Mails that were given up and wait for a person.",
    "notices_owed": "WhatsApp notices not sent yet.",
    "notices_failed": "WhatsApp notices that were given up and wait for a person.",
    "open_cases": "Cases that wait for a person.",
}


def _floats(ages: dict[str, int]) -> dict[str, float]:
    return {kind: float(seconds) for kind, seconds in ages.items()}


def _age(now: datetime, told: datetime | None) -> float:
    return NEVER if told is None else max(0.0, (now - told).total_seconds())
