"""The committee's word about a listing that is paid and waits: approved, it is published; rejected, the fee goes back.

Called by the desk, and by the worker for what nobody looked at in time.
"""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import gettext  # type: ignore[import-untyped]
from sqlalchemy import Row, bindparam, or_, select
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Listing
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import ReviewState, SessionStatus
from ..transaction import retried, transaction
from . import audit, club_session_actions, club_sessions, due, listing_reviews
from .club_session_actions import NotSoNow

BATCH = 100
_BEGUN = (ClubSession.status == SessionStatus.DRAFT) & (ClubSession.starts_at <= bindparam("now"))
_CANCELLED = ClubSession.status == SessionStatus.CANCELLED
"""Cancelled while it waited, before cancelling a session looked at its listing."""
_TOO_LATE = (
    select(ClubSession.slug, ClubSession.status, ClubSession.cancel_reason)
    .join(Listing, Listing.club_session_id == ClubSession.id)
    .where(Listing.review == ReviewState.WAITING, or_(_BEGUN, _CANCELLED))
    .limit(BATCH)
)
"""Nothing but what ``reject`` does not refuse: what it refuses would be found for ever."""


@retried
def approve(slug: str, actor: str) -> None:
    """Publish it and tell the host. Raises SessionNotFound, NotSoNow or StartsInThePast."""
    with transaction() as db:
        row = _locked(db, slug)
        if row.status not in (SessionStatus.DRAFT, SessionStatus.PUBLISHED):
            raise NotSoNow
        if not listing_reviews.approve(db, row.id, actor):
            raise NotSoNow
        if row.status is SessionStatus.DRAFT:
            club_session_actions.publish_one(db, row, actor)


@retried
def reject(slug: str, reason: str, actor: str) -> int:
    """Leave it a draft, give the fee back and tell the host why; the cents that go back. Raises SessionNotFound or NotSoNow."""
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: the host reads it."))
    with transaction() as db:
        row = _locked(db, slug)
        if row.status not in (SessionStatus.DRAFT, SessionStatus.CANCELLED):
            raise NotSoNow
        cancelled = row.status is SessionStatus.CANCELLED
        owed = listing_reviews.reject(db, row.id, reason, actor, cancelled=cancelled)
        if owed is None:
            raise NotSoNow
        return owed


def _locked(db: Session, slug: str) -> Row[Any]:
    """The session, locked after the orders of its listing."""
    listing_reviews.lock_orders(db, ClubSession.slug == slug)
    return club_sessions.locked(db, slug)


def reject_begun() -> int:
    """Give the fee back for what nobody looked at before it began or was cancelled; how many. The worker's scan."""
    return sum(_reject_late(row) for row in due.rows(_TOO_LATE, now=clock.now()))


def _reject_late(row: Row[Any]) -> bool:
    if row.status is SessionStatus.CANCELLED:
        reason = (row.cancel_reason or "").strip() or gettext("The session was cancelled.")
    else:
        reason = gettext("The session began before the committee had looked at it.")
    try:
        reject(row.slug, reason, audit.WORKER)
    except Refusal:
        current_app.logger.warning("listing of %s was decided meanwhile", row.slug)
        return False
    return True
