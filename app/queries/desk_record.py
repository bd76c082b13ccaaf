"""What came from Stripe and what goes out by e-mail, as the desk lists them, newest first. Called by the admin blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, select

from ..extensions import db
from ..models import Order, OutgoingEmail, Payment, StripeEvent
from .desk import Page, rows_of_page

_E, _M = StripeEvent, OutgoingEmail


class MailState(StrEnum):
    """Where an e-mail stands: owed (the worker will try it), sent, or failed (a person must look)."""

    OWED = "owed"
    SENT = "sent"
    FAILED = "failed"


_WHERE = {
    MailState.OWED: (_M.sent_at.is_(None), _M.failed_at.is_(None)),
    MailState.SENT: (_M.sent_at.is_not(None),),
    MailState.FAILED: (_M.sent_at.is_(None), _M.failed_at.is_not(None)),
}


@dataclass(frozen=True, slots=True)
class EventLine:
    """One Stripe event, received once however often it was sent."""

    id: str
    type: str
    created_at: datetime
    processed_at: datetime | None
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class MailLine:
    """One e-mail. ``subject`` is None until the first try, when its words are filled in."""

    id: int
    to: str
    template: str
    subject: str | None
    state: MailState
    attempts: int
    last_error: str | None
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None


def inbox(number: int = 1, *, unprocessed_only: bool = False) -> Page[EventLine]:
    """Stripe's events, newest first. Two statements."""
    statement = select(_E.id, _E.type, _E.created_at, _E.processed_at, _E.attempts, _E.last_error)
    if unprocessed_only:
        statement = statement.where(_E.processed_at.is_(None))
    rows, number, total = rows_of_page(statement.order_by(_E.created_at.desc(), _E.id), number)
    return Page([EventLine(*row) for row in rows], number, total)


@dataclass(frozen=True, slots=True)
class EventView:
    """One event with what Stripe sent; the page hides the secrets in it. ``order_token`` opens its order, if it is known."""

    line: EventLine
    payload: Mapping[str, Any]
    order_token: str | None


def event(event_id: str) -> EventView | None:
    """One event of the inbox, or None. Two statements."""
    row = db.session.execute(
        select(_E.id, _E.type, _E.created_at, _E.processed_at, _E.attempts, _E.last_error, _E.payload).where(_E.id == event_id)
    ).first()
    return None if row is None else EventView(EventLine(*row[:6]), row.payload, _order_token(row.payload))


def _order_token(payload: Mapping[str, Any]) -> str | None:
    """The order whose Checkout, payment or refund the event is about."""
    thing = (payload.get("data") or {}).get("object") or {}
    ids = {thing.get(name) for name in ("id", "payment_intent")} - {None}
    known = [str(one) for one in ids if isinstance(one, str)]
    about = or_(Payment.checkout_id.in_(known), Payment.payment_intent_id.in_(known))
    return db.session.execute(select(Order.token).join(Payment, Payment.order_id == Order.id).where(about)).scalars().first()


def failed_mails() -> int:
    """How many e-mails could not be delivered. One statement."""
    failed = select(func.count()).select_from(_M).where(*_WHERE[MailState.FAILED])
    return int(db.session.execute(failed).scalar_one())


def outbox(number: int = 1, *, state: MailState | None = None) -> Page[MailLine]:
    """E-mails owed, sent and failed, newest first. Two statements."""
    statement = select(
        _M.id, _M.to, _M.template, _M.subject, _M.attempts, _M.last_error, _M.created_at,
        _M.next_attempt_at, _M.sent_at, _M.failed_at,
    )  # fmt: skip
    if state is not None:
        statement = statement.where(*_WHERE[state])
    rows, number, total = rows_of_page(statement.order_by(_M.id.desc()), number)
    lines = [
        MailLine(
            id=row.id,
            to=row.to,
            template=row.template,
            subject=row.subject,
            state=MailState.SENT if row.sent_at else MailState.FAILED if row.failed_at else MailState.OWED,
            attempts=row.attempts,
            last_error=row.last_error,
            created_at=row.created_at,
            next_attempt_at=row.next_attempt_at,
            sent_at=row.sent_at,
        )
        for row in rows
    ]
    return Page(lines, number, total)
