"""What came from Stripe and what goes out by e-mail, as the desk lists them, newest first. Called by the admin blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from ..models import OutgoingEmail, StripeEvent
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


def outbox(number: int = 1, *, state: MailState | None = None) -> Page[MailLine]:
    """E-mails owed, sent and failed, newest first. Two statements."""
    statement = select(
        _M.id, _M.to, _M.template, _M.subject, _M.attempts, _M.last_error, _M.created_at,
        _M.next_attempt_at, _M.sent_at, _M.failed_at,
    )  # fmt: skip
    if state is not None:
        statement = statement.where(*_WHERE[state])
    rows, number, total = rows_of_page(statement.order_by(_M.created_at.desc(), _M.id.desc()), number)
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
