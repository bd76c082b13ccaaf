"""What becomes of a paid listing that waits for the committee: approved by any road, or rejected with its fee owed back.

Called, inside their transactions, by whoever publishes or cancels a session, and by ``reviewing``. Each road locks the orders of
the listing first and the session second.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from ..models import ClubSession, Listing, ListingPurchase, Order, OrderItem
from ..rules.statuses import ReviewState
from . import audit, letters, orders, paying_back
from .writes import changed


def lock_orders(db: Session, sessions: ColumnElement[bool]) -> None:
    """Lock every order of these sessions' listings, oldest first, before the sessions themselves.

    Also those that are not paid: until the transaction ends, none of them can be what puts a listing before the committee.
    """
    of_listings = (
        select(OrderItem.order_id)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .join(ClubSession, ClubSession.id == ListingPurchase.club_session_id)
        .where(sessions)
    )
    db.execute(select(Order.id).where(Order.id.in_(of_listings)).order_by(Order.id).with_for_update()).all()


def approve(db: Session, club_session_id: int, actor: str) -> bool:
    """Say yes to what waits and tell the host that it is published; False when nothing waits."""
    if not _move(db, club_session_id, ReviewState.APPROVED, None):
        return False
    audit.record(db, actor, "listing_approved", "club_session", club_session_id)
    if (item := _paid_line(db, club_session_id)) is not None:
        letters.owe_order_letter(db, "listing_published", item.order_id, key=f"approved:{item.order_id}")
    return True


def reject(db: Session, club_session_id: int, reason: str, actor: str, *, cancelled: bool = False) -> int | None:
    """Say no to what waits, owe the fee back and tell the host why; the cents that go back, None when nothing waits.

    ``cancelled``: the session is, so there is no draft left that could be paid for again.
    """
    if not _move(db, club_session_id, ReviewState.REJECTED, reason):
        return None
    owed = 0
    if (item := _paid_line(db, club_session_id)) is not None:
        owed = paying_back.owe_for_line(db, item, item.unit_amount_cents * item.quantity, "listing_rejected", actor)
        key, more = str(item.order_id), {"reason": reason, "cancelled": cancelled}
        letters.owe_order_letter(db, "listing_rejected", item.order_id, key=key, refund_cents=owed or None, more=more)
    audit.record(db, actor, "listing_rejected", "club_session", club_session_id, reason=reason, cents=owed)
    return owed


def _move(db: Session, club_session_id: int, to: ReviewState, reason: str | None) -> bool:
    waiting = update(Listing).where(Listing.club_session_id == club_session_id, Listing.review == ReviewState.WAITING)
    return changed(db, waiting.values(review=to, review_reason=reason))


def _paid_line(db: Session, club_session_id: int) -> OrderItem | None:
    """The line that put the listing before the committee: the last that was paid, which need not be the last ordered."""
    paid = (
        select(OrderItem)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .where(ListingPurchase.club_session_id == club_session_id, ListingPurchase.paid_at.is_not(None))
    )
    item = db.execute(paid.order_by(ListingPurchase.paid_at.desc(), OrderItem.id.desc()).limit(1)).scalar_one_or_none()
    if item is not None:
        orders.lock(db, item.order_id)  # locked already, unless it was ordered and paid since the caller looked
    return item
