"""Writes the record of who did what, in the transaction of the change itself (promise 7). Called by every service that
changes state.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..models import AuditEntry
from ..transaction import gathered, write_gathered
from .writes import added_all

GUEST = "guest"
STRIPE = "stripe"
WORKER = "worker"
COMMAND = "command"


def by_user(user_id: int) -> str:
    """The actor string of somebody signed in; never an e-mail address."""
    return f"user:{user_id}"


def record(db: Session, actor: str, action: str, kind: str, subject_id: int, **detail: object) -> None:
    """Add one audit entry; ``detail`` must be JSON and hold nothing secret.

    The entries of a transaction are written together when it ends: it holds its locks for one statement, however much it did.
    """
    values = {"actor": actor, "action": action, "subject_kind": kind, "subject_id": subject_id, "detail": detail}
    gathered(db, _write).append(values | {"created_at": clock.now()})


def _write(db: Session, entries: list[dict[str, Any]]) -> None:
    added_all(db, AuditEntry, entries)


def done_before(db: Session, kind: str, subject_id: int, once: str) -> bool:
    """Whether a form with this one-time key was acted on before; the record of the action is what remembers it.

    Call it under the lock of the thing itself.
    """
    write_gathered(db)
    about = select(AuditEntry.detail).where(AuditEntry.subject_kind == kind, AuditEntry.subject_id == subject_id)
    return any(row.detail.get("once") == once for row in db.execute(about))
