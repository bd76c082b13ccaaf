"""Opens and closes what only a person can decide. Called by fulfilment and the worker; read by the staff's desk."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..models import Case
from .writes import insert_once


def open_case(
    db: Session, key: str, kind: str, *, order_id: int | None = None, payment_id: int | None = None, **detail: object
) -> None:
    """Put a case on the staff's desk, once for each ``key``."""
    insert_once(db, Case, Case.dedupe_key, dedupe_key=key, kind=kind, order_id=order_id, payment_id=payment_id, detail=detail)
