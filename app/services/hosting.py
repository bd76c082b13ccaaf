"""People who host: they draft a session of their own, pay to have it published, and edit it with those who help them.

Called by the host pages. Money and publishing are the item kind's (``listing_item``); the committee's word is in ``reviewing``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..models import ClubSession, Listing, ListingPurchase, Order, OrderItem
from ..queries import desk_sessions, memberships
from ..rules.refusals import InvalidInput, PriceChanged, Refusal, SessionNotFound, words
from ..rules.statuses import Entry, ItemKind, OrderStatus, SessionStatus
from ..rules.vouchers import normalise
from ..transaction import end_read, retried, transaction
from . import audit, club_sessions, ordering, orders, vouchers
from .club_session_fields import ClubSessionFields
from .club_sessions import ChangedMeanwhile
from .host_roles import check_may
from .items import Buyer, OrderKey, Quoted, Wanted
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
    fields = _theirs(fields)
    club_sessions.check_new(fields)
    with transaction() as db:
        mine = select(func.count()).where(ClubSession.host_user_id == user_id, ClubSession.status == SessionStatus.DRAFT)
        if db.execute(mine).scalar_one() >= MOST_DRAFTS:
            raise TooManyDrafts
        actor = audit.by_user(user_id)
        slug = club_sessions.add_club_session(db, fields, actor)
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


@dataclass(frozen=True, slots=True)
class Fee:
    """Who pays for a listing, and what they saw. ``code`` as it was typed; with one, the total must have been seen."""

    user_id: int
    name: str
    email: str
    attempt: str
    code: str = ""
    expected_total_cents: int | None = None


def offered(slug: str, fee: Fee) -> Quoted:
    """The fee as it is now, for the page that shows it. Raises the Refusal that says why it cannot be had so."""
    return _quoted(flask_db.session(), slug, fee)[1]


@retried
def order(slug: str, fee: Fee) -> Entered:
    """Order the listing of a draft, or come back to the order that is open for it. Nothing to pay publishes at once."""
    now = clock.now()
    with transaction() as db:
        if again := orders.token_of_attempt(db, fee.attempt):
            return Entered(Outcome.RESUMED, again)
        host = select(ClubSession.id).where(ClubSession.slug == slug, ClubSession.host_user_id == fee.user_id)
        if db.execute(host.with_for_update(key_share=True)).first() is None:
            raise SessionNotFound
        open_one = _open_order(db, slug)
        if open_one is not None and vouchers.of_order(db, open_one.id) == normalise(fee.code):
            return Entered(Outcome.RESUMED, open_one.token)
        buyer, quoted = _quoted(db, slug, fee)
        seen = fee.expected_total_cents
        if seen != quoted.total_cents and (fee.code or seen is not None):
            raise PriceChanged(unit_cents=quoted.total_cents, currency=quoted.currency)
        ordering.check_total([quoted])
        return ordering.write(db, ordering.reserve(db, [quoted], buyer, now), buyer, fee.attempt, now)[1]


def changed_order(slug: str, fee: Fee) -> str | None:
    """The open order for this listing with another code, or without: it must end first."""
    db = flask_db.session()
    mine = select(ClubSession.id).where(ClubSession.slug == slug, ClubSession.host_user_id == fee.user_id)
    found = _open_order(db, slug) if db.execute(mine).first() is not None else None
    other = found is not None and vouchers.of_order(db, found.id) != normalise(fee.code)
    end_read()
    return found.token if found is not None and other else None


def _quoted(db: Session, slug: str, fee: Fee) -> tuple[Buyer, Quoted]:
    now = clock.now()
    buyer = Buyer(fee.name, fee.email, fee.user_id, memberships.standing(db, fee.user_id, fee.email, now))
    return buyer, ordering.quote(db, [Wanted(ItemKind.LISTING, slug)], buyer, now, fee.code)[0]


def _open_order(db: Session, slug: str) -> OrderKey | None:
    """The order of this listing that can still be paid; one that is being ended is not."""
    statement = (
        select(Order.id, Order.token, Order.reference)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
        .join(ClubSession, ClubSession.id == ListingPurchase.club_session_id)
        .where(ClubSession.slug == slug, Order.status == OrderStatus.PENDING, Order.cancel_requested_at.is_(None))
        .where(Order.hold_expires_at > clock.now())
    )
    found = db.execute(statement.order_by(Order.id.desc()).limit(1)).first()
    return OrderKey(*found) if found is not None else None


def _theirs(fields: ClubSessionFields) -> ClubSessionFields:
    """A draft with what a host decides; the rest as every session of the club has it."""
    kept = {name: getattr(fields, name) for name in HOST_FIELDS}
    return ClubSessionFields(**kept, currency=current_settings().currency, status=SessionStatus.DRAFT, entry=Entry.OPEN)
