"""Opens and closes what only a person can decide. Called by fulfilment and the worker; read and decided by the staff's desk."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import Case
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import audit
from .writes import changed, insert_once


def open_case(
    db: Session, key: str, kind: str, *, order_id: int | None = None, payment_id: int | None = None, **detail: object
) -> bool:
    """Put a case on the staff's desk, once for each ``key``; False when it was there, open or closed."""
    values = {"kind": kind, "order_id": order_id, "payment_id": payment_id, "detail": detail}
    return insert_once(db, Case, Case.dedupe_key, dedupe_key=key, **values)


def close_by_key(db: Session, key: str, resolution: str) -> None:
    """What opened the case has been put right by itself."""
    open_still = (Case.dedupe_key == key, Case.closed_at.is_(None))
    db.execute(update(Case).where(*open_still).values(closed_at=clock.now(), resolution=resolution))


@retried
def close(case_id: int, resolution: str, actor: str) -> None:
    """A person has dealt with it and says how. Raises InvalidInput when it was closed before."""
    with transaction() as db:
        settle(db, case_id, resolution, actor)


def settle(db: Session, case_id: int, resolution: str, actor: str, note: str = "") -> Case:
    """Close the case in the caller's transaction, locked; returns it. Raises InvalidInput when it was closed before.

    ``note`` is the person's own reason, kept behind the decision: "kept: paid for the hall".
    """
    resolution = f"{resolution}: {note}" if note else resolution
    case = db.execute(select(Case).where(Case.id == case_id).with_for_update()).scalar_one_or_none()
    open_still = (Case.id == case_id, Case.closed_at.is_(None))
    if case is None or not changed(db, update(Case).where(*open_still).values(closed_at=clock.now(), resolution=resolution)):
        raise InvalidInput(None, words("This case is closed already."))
    audit.record(db, actor, "case_closed", "case", case_id, resolution=resolution)
    return case
