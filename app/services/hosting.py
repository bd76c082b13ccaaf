"""People who host: they draft a session of their own, pay to have it published, and edit it with those who help them.

Called by the host pages. Money and publishing are the item kind's (``listing_item``); the committee's word is in ``reviewing``.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..models import ClubSession, Listing, ListingPurchase, Order, OrderItem
from ..queries import desk_sessions, memberships
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import Entry, ItemKind, OrderStatus, SessionStatus
from ..transaction import retried, transaction
from . import audit, club_sessions, ordering, orders
from .club_session_fields import ClubSessionFields
from .club_sessions import ChangedMeanwhile
from .host_roles import check_may
from .items import Buyer, Wanted
from .ordering import Entered, Outcome

MOST_DRAFTS = 20
HOST_FIELDS = (
    "title", "summary", "description", "location", "starts_at", "ends_at", "time_zone", "capacity", "waitlist_capacity",
    "max_places", "non_member_price_cents", "member_price_cents", "refund_policy", "refund_percent", "refund_fee_cents",
    "refund_until", "opens_at", "closes_at",
)  # fmt: skip
"""What a host decides; the rest is the club's."""


class TooManyDrafts(Refusal):
    status = 409
    text = words("You have 20 drafts already. Pay for one, or change it, instead of making another.")


@retried
def draft(fields: ClubSessionFields, user_id: int) -> str:
    """Make a draft of this person's own and return its slug. Raises FieldsRefused, InvalidInput or TooManyDrafts."""
    club_sessions.check_new(fields)
    with transaction() as db:
        mine = select(func.count()).where(ClubSession.host_user_id == user_id, ClubSession.status == SessionStatus.DRAFT)
        if db.execute(mine).scalar_one() >= MOST_DRAFTS:
            raise TooManyDrafts
        actor = audit.by_user(user_id)
        slug = club_sessions.add_club_session(db, _theirs(fields), actor)
        club_session_id = db.execute(select(ClubSession.id).where(ClubSession.slug == slug)).scalar_one()
        hosted = update(ClubSession).where(ClubSession.id == club_session_id).values(host_user_id=user_id)
        db.execute(hosted.execution_options(synchronize_session=False))
        db.execute(insert(Listing).values(club_session_id=club_session_id))
        return slug


@retried
def edit(slug: str, fields: ClubSessionFields, user_id: int, *, seen: str) -> None:
    """Change what a host may of a session of theirs. Raises SessionNotFound, FieldsRefused or ChangedMeanwhile."""
    with transaction() as db:
        check_may(db, slug, user_id)
        before = club_sessions.locked(db, slug)
        if seen != desk_sessions.fingerprint(before):
            raise ChangedMeanwhile
        if before.status not in (SessionStatus.DRAFT, SessionStatus.PUBLISHED) or before.starts_at <= clock.now():
            raise InvalidInput(None, words("This session has begun or was cancelled: it cannot be changed any more."))
        changed = {name: getattr(fields, name) for name in HOST_FIELDS}
        club_sessions.change(db, before, replace(club_sessions.read(before), **changed), audit.by_user(user_id))


@retried
def order(slug: str, attempt: str, user_id: int, name: str, email: str) -> Entered:
    """Order the listing of a draft, or come back to the order that is open for it. Nothing to pay publishes at once."""
    now = clock.now()
    with transaction() as db:
        if again := orders.token_of_attempt(db, attempt):
            return Entered(Outcome.RESUMED, again)
        host = select(ClubSession.id).where(ClubSession.slug == slug, ClubSession.host_user_id == user_id)
        if db.execute(host.with_for_update()).first() is None:
            raise SessionNotFound
        if open_one := _open_order(db, slug):
            return Entered(Outcome.RESUMED, open_one)
        buyer = Buyer(name, email, user_id, memberships.standing(db, user_id, email, now))
        quoted = ordering.quote(db, [Wanted(ItemKind.LISTING, slug)], buyer, now)
        ordering.check_total(quoted)
        return ordering.write(db, ordering.reserve(db, quoted, buyer, now), buyer, attempt, now)[1]


def _open_order(db: Session, slug: str) -> str | None:
    """The order of this listing that can still be paid; one that is being ended is not."""
    statement = (
        select(Order.token)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .join(ClubSession, ClubSession.id == ListingPurchase.club_session_id)
        .where(ClubSession.slug == slug, Order.status == OrderStatus.PENDING, Order.cancel_requested_at.is_(None))
        .where(Order.hold_expires_at > clock.now())
    )
    return db.execute(statement.order_by(Order.id.desc()).limit(1)).scalar_one_or_none()


def _theirs(fields: ClubSessionFields) -> ClubSessionFields:
    """A draft with what a host decides; the rest as every session of the club has it."""
    kept = {name: getattr(fields, name) for name in HOST_FIELDS}
    return ClubSessionFields(**kept, currency=current_settings().currency, status=SessionStatus.DRAFT, entry=Entry.OPEN)
