"""A host's listing fee as a line of an order: paid, it publishes the session, once, or puts it before the committee.

Called through ``items``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from flask_babel import gettext, lazy_gettext  # type: ignore[import-untyped]
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..models import ClubSession, Listing, ListingPurchase, OrderItem, Payment
from ..queries.item_facts import ItemFacts, KindWords
from ..rules.pricing import Reason
from ..rules.refusals import Refusal, SessionNotFound, words
from ..rules.statuses import ItemKind, OrderStatus, PaymentStatus, ReviewState, SessionStatus
from . import audit, club_session_actions, club_sessions, order_lines, orders
from .items import Buyer, ItemHandler, OrderKey, Quoted, Recorded, Reserved, Wanted
from .order_lines import PricedLine


class ListedAlready(Refusal):
    """Published, cancelled or paid for: nobody pays twice."""

    status = 409
    text = words("This session is published, or its listing fee is paid already. Nothing is to be paid for it.")


class ListingItem(ItemHandler[Quoted]):
    """See ItemHandler. The order's row is locked before the session's. An unpaid order keeps nothing: the draft stays."""

    kind: ClassVar[ItemKind] = ItemKind.LISTING
    rank: ClassVar[int] = 40
    words: ClassVar[KindWords] = KindWords(
        noun=lazy_gettext("Listing"),
        had=lazy_gettext("The listing fee is paid"),
        to_pay=lazy_gettext("Pay to publish your session"),
        give_up=lazy_gettext("You are not charged. Your draft is kept, and you can pay for it later."),
        shop=("host.sessions", lazy_gettext("Your sessions")),
    )

    def quote(self, db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> Quoted:
        """The fee for a draft of the buyer's own. Raises SessionNotFound, ListedAlready or StartsInThePast."""
        row = db.execute(
            select(ClubSession.id, ClubSession.title, ClubSession.host_user_id)
            .join(Listing, Listing.club_session_id == ClubSession.id)
            .where(ClubSession.slug == wanted.slug)
        ).first()
        if row is None or buyer.user_id is None or row.host_user_id != buyer.user_id:
            raise SessionNotFound
        _check_wanted(db, row.id, now)
        settings, name = current_settings(), gettext("Listing of “%(title)s”", title=row.title)[:300]
        lines = [PricedLine(name, settings.listing_fee_cents, 1, Reason.NON_MEMBER, 0)]
        return Quoted(wanted, name, settings.currency, lines, row.id)

    def reserve(self, db: Session, quoted: Quoted, buyer: Buyer, now: datetime) -> Reserved[Quoted]:
        """Nothing is scarce; but the session is locked and asked again, so that what costs nothing is published once."""
        _lock(db, quoted.subject_id)
        _check_wanted(db, quoted.subject_id, now)
        return Reserved(quoted)

    def record(
        self, db: Session, order: OrderKey, reserved: Reserved[Quoted], buyer: Buyer, now: datetime, *, done: bool
    ) -> Recorded:
        """Write the line and what it is for; a fee of nothing publishes at once."""
        quoted = reserved.quoted
        item_id = orders.add_item(db, order.id, self.kind, order_lines.summed(quoted.title, quoted.lines), lines=quoted.lines).id
        db.execute(insert(ListingPurchase).values(order_item_id=item_id, club_session_id=quoted.subject_id))
        if done:
            item = db.execute(select(OrderItem).where(OrderItem.id == item_id)).scalar_one()
            if not self.fulfil(db, item, buyer.actor, now):
                raise AssertionError("a listing that was free under the lock is not")
        return Recorded(item_id, reserved, {"listing": quoted.wanted.slug})

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Publish, or put before the committee. False once it has begun, or is published or paid for by something else."""
        club_session_id = _session_id(db, item)
        _lock(db, club_session_id)
        try:
            _check_wanted(db, club_session_id, now)
        except Refusal as refusal:
            audit.record(db, actor, "listing_refused", "order", item.order_id, why=type(refusal).__name__)
            return False
        paid = (Payment.order_id == item.order_id, Payment.status == PaymentStatus.SUCCEEDED)
        intent = select(Payment.payment_intent_id).where(*paid).order_by(Payment.id.desc()).limit(1)
        values = {
            "paid_at": now,
            "amount_paid_cents": item.unit_amount_cents * item.quantity,
            "payment_intent_id": db.execute(intent).scalar_one_or_none(),
        }
        db.execute(update(ListingPurchase).where(ListingPurchase.order_item_id == item.id).values(values))
        publish_or_ask(db, club_session_id, actor)
        return True

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Nothing was kept: the draft stays as it is."""

    def refund(self, db: Session, item: OrderItem, gone_cents: int, actor: str) -> None:
        """A fee that is paid back in full can be paid again; what is published stays, because people may be in it."""
        whole = gone_cents >= item.unit_amount_cents * item.quantity > 0
        values = {"refunded_at": clock.now() if whole else None}
        db.execute(update(ListingPurchase).where(ListingPurchase.order_item_id == item.id).values(values))

    def letter(self, db: Session, item: OrderItem) -> str:
        status = db.execute(select(ClubSession.status).where(ClubSession.id == _session_id(db, item))).scalar_one()
        return "listing_published" if status is SessionStatus.PUBLISHED else "listing_in_review"

    def metadata(self, db: Session, item: OrderItem) -> Mapping[str, str]:
        slug = db.execute(select(ClubSession.slug).where(ClubSession.id == _session_id(db, item))).scalar_one()
        return {"listing": slug}

    def facts(self, db: Session, order_id: int) -> Mapping[int, ItemFacts]:
        """How the session stands that the fee is for, and the host's page of it."""
        rows = db.execute(
            select(OrderItem.id, ClubSession.slug, ClubSession.status, Listing.review)
            .join(ListingPurchase, ListingPurchase.order_item_id == OrderItem.id)
            .join(ClubSession, ClubSession.id == ListingPurchase.club_session_id)
            .join(Listing, Listing.club_session_id == ClubSession.id)
            .where(OrderItem.order_id == order_id)
        ).all()
        return {row.id: _facts(row.slug, row.status, row.review) for row in rows}


def publish_or_ask(db: Session, club_session_id: int, actor: str) -> None:
    """Publish a locked draft, unless the committee looks at each first."""
    if current_settings().listing_review:
        waiting = update(Listing).where(Listing.club_session_id == club_session_id)
        db.execute(waiting.values(review=ReviewState.WAITING, review_reason=None))
        audit.record(db, actor, "listing_in_review", "club_session", club_session_id)
        return
    row = db.execute(select(*club_sessions.COLUMNS).where(ClubSession.id == club_session_id)).one()
    club_session_actions.publish_one(db, row, actor)


def paid_purchase(db: Session, club_session_id: int) -> ListingPurchase | None:
    """What was paid for the listing and has not gone back."""
    kept = (ListingPurchase.paid_at.is_not(None), ListingPurchase.refunded_at.is_(None))
    return db.execute(select(ListingPurchase).where(ListingPurchase.club_session_id == club_session_id, *kept)).scalars().first()


def _check_wanted(db: Session, club_session_id: int, now: datetime) -> None:
    """Raise the Refusal that says why nothing is to be paid for this listing (any more)."""
    row = db.execute(
        select(ClubSession.status, ClubSession.starts_at, Listing.review)
        .join(Listing, Listing.club_session_id == ClubSession.id)
        .where(ClubSession.id == club_session_id)
    ).one()
    if row.status is not SessionStatus.DRAFT or row.review is ReviewState.WAITING:
        raise ListedAlready
    if row.review is not ReviewState.REJECTED and paid_purchase(db, club_session_id) is not None:
        raise ListedAlready
    if row.starts_at <= now:
        raise club_session_actions.StartsInThePast


def _lock(db: Session, club_session_id: int) -> None:
    db.execute(select(ClubSession.id).where(ClubSession.id == club_session_id).with_for_update(key_share=True))


def _session_id(db: Session, item: OrderItem) -> int:
    of_item = select(ListingPurchase.club_session_id).where(ListingPurchase.order_item_id == item.id)
    return int(db.execute(of_item).scalar_one())


def _facts(slug: str, status: SessionStatus, review: ReviewState) -> ItemFacts:
    states = {
        SessionStatus.PUBLISHED: (gettext("Published"), "green"),
        SessionStatus.CANCELLED: (gettext("Cancelled"), "red"),
        SessionStatus.COMPLETED: (gettext("Over"), "grey"),
    }
    draft = gettext("The committee looks at it") if review is ReviewState.WAITING else gettext("Draft")
    state, tone = states.get(status, (draft, "amber"))
    return ItemFacts(state=state, tone=tone, path=f"/host/{slug}", path_words=gettext("Your page of this session"))
