"""Puts on the record that somebody took data away: what, in which form, how many rows. Called by the desk before each export."""

from __future__ import annotations

from sqlalchemy import select

from ..models import ClubSession
from ..transaction import retried, transaction
from . import audit


@retried
def note(actor: str, what: str, form: str, rows: int, *, narrowed: bool = False, slug: str | None = None) -> None:
    """One entry for an export of ``rows`` rows as ``form`` (csv, xlsx); ``slug`` is of the session it is about, if one.

    What was searched for is not written down, because it may be somebody's name or address.
    """
    with transaction() as db:
        session_id = db.execute(select(ClubSession.id).where(ClubSession.slug == slug)).scalar_one_or_none() if slug else None
        kind, subject_id = ("club_session", session_id) if session_id is not None else ("export", 0)
        audit.record(db, actor, "exported", kind, subject_id, list=what, form=form, rows=rows, narrowed=narrowed)
