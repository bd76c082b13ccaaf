"""Writes the record of who did what, in the transaction of the change itself (promise 7). Called by every service that
changes state.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import AuditEntry
from .writes import added

GUEST = "guest"
STRIPE = "stripe"
WORKER = "worker"
COMMAND = "command"


def by_user(user_id: int) -> str:
    """The actor string of somebody signed in; never an e-mail address."""
    return f"user:{user_id}"


def record(db: Session, actor: str, action: str, kind: str, subject_id: int, **detail: object) -> None:
    """Add one audit entry; ``detail`` must be JSON and hold nothing secret."""
    added(db, AuditEntry, actor=actor, action=action, subject_kind=kind, subject_id=subject_id, detail=detail)


def done_before(db: Session, kind: str, subject_id: int, once: str) -> bool:
    """Whether a form with this one-time key was acted on before; the record of the action is what remembers it.

    Call it under the lock of the thing itself.
    """
    about = select(AuditEntry.detail).where(AuditEntry.subject_kind == kind, AuditEntry.subject_id == subject_id)
    return any(row.detail.get("once") == once for row in db.execute(about))
