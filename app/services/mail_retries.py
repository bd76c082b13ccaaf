"""Mails that could not be delivered, tried again because a person says so, each on the record. Called by the staff's desk."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import OutgoingEmail
from ..rules.refusals import InvalidInput, words
from ..transaction import retried, transaction
from . import audit

_M = OutgoingEmail
_OWED = (_M.sent_at.is_(None), _M.failed_at.is_(None))


@retried
def retry(email_id: int, actor: str) -> None:
    """Try a failed mail again from the start of its patience; raises InvalidInput when it has not failed: two clicks act once."""
    with transaction() as db:
        if not _again(db, actor, _M.id == email_id):
            owed = db.execute(select(_M.id).where(_M.id == email_id, *_OWED)).first()
            said = words("This e-mail is being tried already."), words("This e-mail has been sent already.")
            raise InvalidInput(None, said[owed is None])


@retried
def retry_all(actor: str) -> int:
    """Try every failed mail again, each on the record; returns how many. Raises InvalidInput when none has failed."""
    with transaction() as db:
        number = _again(db, actor)
        if not number:
            raise InvalidInput(None, words("No e-mail has failed, or all are being tried already."))
        return number


def _again(db: Session, actor: str, *which: ColumnElement[bool]) -> int:
    failed = update(_M).where(_M.failed_at.is_not(None), _M.sent_at.is_(None), *which)
    again = failed.values(failed_at=None, attempts=0, next_attempt_at=clock.now()).returning(_M.id)
    ids = list(db.execute(again).scalars())
    for email_id in sorted(ids):
        audit.record(db, actor, "mail_retried", "outgoing_email", email_id)
    return len(ids)
