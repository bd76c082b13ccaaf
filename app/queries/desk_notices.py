"""The WhatsApp notices that are owed, went or failed, as the desk lists them, newest first. Called by the admin blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from ..extensions import db
from ..models import Order, OutgoingNotice, Registration
from .desk import Page, rows_of_page
from .desk_record import MailState

_N = OutgoingNotice
_WHERE = {
    MailState.OWED: (_N.sent_at.is_(None), _N.failed_at.is_(None)),
    MailState.SENT: (_N.sent_at.is_not(None),),
    MailState.FAILED: (_N.sent_at.is_(None), _N.failed_at.is_not(None)),
}


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One notice, by the booking or order that it is about; the number is shown there alone."""

    id: int
    name: str
    registration_token: str | None
    order_token: str | None
    """Of the order that it is about, when that is for no booking."""
    kind: str
    state: MailState
    attempts: int
    last_error: str | None
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None


def lines(number: int = 1, *, state: MailState | None = None) -> Page[NoticeLine]:
    """Notices owed, sent and failed. Two statements."""
    statement = _lines().where(*_WHERE[state]) if state is not None else _lines()
    rows, number, total = rows_of_page(statement.order_by(_N.created_at.desc(), _N.id.desc()), number)
    return Page([_line(row) for row in rows], number, total)


def of_registration(registration_id: int) -> list[NoticeLine]:
    """Those of one booking, oldest first. One statement."""
    return [_line(row) for row in db.session.execute(_lines().where(Registration.id == registration_id).order_by(_N.id))]


def any_yet() -> bool:
    """Whether there ever was one: the outbox leads to them although WhatsApp may be off by now. One statement."""
    return db.session.execute(select(_N.id).limit(1)).first() is not None


def _lines() -> Select[Any]:
    columns = (_N.id, _N.kind, _N.attempts, _N.last_error, _N.created_at, _N.next_attempt_at, _N.sent_at, _N.failed_at)
    name = func.coalesce(Registration.name, Order.name).label("name")
    about = select(*columns, name, Registration.token, Order.token.label("order_token"))
    about = about.outerjoin(Registration, Registration.id == _N.registration_id)
    return about.outerjoin(Order, Order.id == _N.order_id)


def _line(row: Row[Any]) -> NoticeLine:
    return NoticeLine(
        id=row.id,
        name=row.name,
        registration_token=row.token,
        order_token=row.order_token,
        kind=row.kind,
        state=MailState.SENT if row.sent_at else MailState.FAILED if row.failed_at else MailState.OWED,
        attempts=row.attempts,
        last_error=row.last_error,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        sent_at=row.sent_at,
    )
