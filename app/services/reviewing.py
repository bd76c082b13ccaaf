"""The committee's word about a listing that is paid and waits: approved, it is published; rejected, the fee goes back.

Called by the desk, and by the worker for what nobody looked at in time.
"""

from __future__ import annotations

from flask import current_app
from flask_babel import gettext  # type: ignore[import-untyped]
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Listing, ListingPurchase, Order, OrderItem
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import ReviewState, SessionStatus
from ..transaction import retried, transaction
from . import audit, club_session_actions, club_sessions, due, letters, orders, paying_back
from .club_session_actions import NotSoNow

BATCH = 100
_BEGUN = (
    select(ClubSession.slug)
    .join(Listing, Listing.club_session_id == ClubSession.id)
    .where(Listing.review == ReviewState.WAITING, ClubSession.starts_at <= bindparam("now"))
    .limit(BATCH)
)


@retried
def approve(slug: str, actor: str) -> None:
    """Publish it and tell the host. Raises SessionNotFound, NotSoNow or StartsInThePast."""
    with transaction() as db:
        row, order, _item = _locked(db, slug)
        _move(db, row.id, ReviewState.APPROVED, None)
        audit.record(db, actor, "listing_approved", "club_session", row.id)
        if row.status is SessionStatus.DRAFT:
            club_session_actions.publish_one(db, club_sessions.locked(db, slug), actor)
        if order is not None:
            letters.owe_order_letter(db, "listing_published", order.id, key=f"approved:{order.id}")


@retried
def reject(slug: str, reason: str, actor: str) -> int:
    """Leave it a draft, give the fee back and tell the host why; the cents that go back. Raises SessionNotFound or NotSoNow."""
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: the host reads it."))
    with transaction() as db:
        row, order, item = _locked(db, slug)
        if row.status is not SessionStatus.DRAFT:
            raise NotSoNow
        _move(db, row.id, ReviewState.REJECTED, reason)
        owed = 0
        if order is not None and item is not None:
            owed = paying_back.owe_for_line(db, item, item.unit_amount_cents * item.quantity, "listing_rejected", actor)
            more = {"reason": reason}
            letters.owe_order_letter(db, "listing_rejected", order.id, key=str(order.id), refund_cents=owed or None, more=more)
        audit.record(db, actor, "listing_rejected", "club_session", row.id, reason=reason, cents=owed)
        return owed


def _move(db: Session, club_session_id: int, to: ReviewState, reason: str | None) -> None:
    waiting = update(Listing).where(Listing.club_session_id == club_session_id, Listing.review == ReviewState.WAITING)
    moved = db.execute(waiting.values(review=to, review_reason=reason).returning(Listing.club_session_id))
    if moved.first() is None:
        raise NotSoNow


def _locked(db: Session, slug: str) -> tuple[ClubSession, Order | None, OrderItem | None]:
    """The session with the order and the line that paid for its listing, the order locked first."""
    paid = (
        select(OrderItem)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .join(ClubSession, ClubSession.id == ListingPurchase.club_session_id)
        .where(ClubSession.slug == slug, ListingPurchase.paid_at.is_not(None), ListingPurchase.refunded_at.is_(None))
    )
    item = db.execute(paid.order_by(OrderItem.id.desc()).limit(1)).scalar_one_or_none()
    order = orders.lock(db, item.order_id) if item is not None else None
    statement = select(ClubSession).where(ClubSession.slug == slug).with_for_update(key_share=True)
    club_session = db.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()
    if club_session is None:
        raise SessionNotFound
    return club_session, order, item


def reject_begun() -> int:
    """Give the fee back for what nobody looked at before it began; how many. The worker's scan."""
    slugs = due.found(_BEGUN, now=clock.now())
    for slug in slugs:
        try:
            reject(slug, gettext("The session began before the committee had looked at it."), audit.WORKER)
        except Refusal:
            current_app.logger.warning("listing of %s was decided meanwhile", slug)
    return len(slugs)
