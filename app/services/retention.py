"""Forgets people whom the club no longer needs to know: names, addresses and answers of bookings and orders long past.

Called by `flask purge`. Amounts, dates and references stay, because the books need them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import case, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import (
    AccountToken,
    BookingNote,
    ClubSession,
    ListingPurchase,
    Membership,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    ProductPurchase,
    Registration,
    StripeEvent,
    User,
)
from ..rules.addresses import OF_NOBODY
from ..rules.statuses import ACTIVE, OrderStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, notices

KEEP = timedelta(days=2 * 365)
"""How long after a session somebody may still ask about a booking."""
KEEP_EVENTS = timedelta(days=90)
"""Stripe itself forgets an event after 30 days; its id stays, so that a repetition is still known."""
BATCH = 500
FORGOTTEN = "(forgotten)"


def purge() -> int:
    """Anonymise what ended longer ago than KEEP: bookings, and orders without one; how many. Again, it changes nothing more."""
    _empty_events()
    _forget_letters()
    done = 0
    for purge_batch in (_purge_batch, _purge_orders):
        while batch := purge_batch():
            done += batch
    return done


@retried
def _empty_events() -> None:
    """What Stripe told us holds names and addresses: long after it was acted on, only that it came is kept."""
    old = (StripeEvent.processed_at < clock.now() - KEEP_EVENTS,)
    with transaction() as db:
        db.execute(update(StripeEvent).where(*old).values(payload={}).execution_options(synchronize_session=False))


@retried
def _forget_letters() -> None:
    """Mails that belong to no order (how to join, a new password, who helps with a session) and links that are over: they name
    people who may have nothing else here.
    """
    now, mail = clock.now(), OutgoingEmail
    over = or_(mail.sent_at.is_not(None), mail.failed_at.is_not(None))
    with transaction() as db:
        db.execute(delete(mail).where(mail.order_id.is_(None), over, mail.created_at < now - KEEP))
        db.execute(delete(AccountToken).where(AccountToken.expires_at < now))


@retried
def _purge_batch() -> int:
    with transaction() as db:
        due = (
            select(Registration.id, Registration.order_id)
            .join(ClubSession, ClubSession.id == Registration.club_session_id)
            .where(ClubSession.ends_at < clock.now() - KEEP, Registration.name != FORGOTTEN)
            .where(Registration.status.not_in(ACTIVE - {RegistrationStatus.REGISTERED}))
            .order_by(Registration.id)
            .limit(BATCH)
        )
        rows = db.execute(due).all()
        for row in rows:
            forget(db, row.id, row.order_id, audit.COMMAND)
        return len(rows)


@retried
def _purge_orders() -> int:
    """Orders of other things than bookings: a membership, a host's fee. Kept while what they bought was of use until KEEP ago."""
    since = clock.now() - KEEP
    booked = exists().where(OrderItem.order_id == Order.id, OrderItem.registration_id.is_not(None))
    member = exists().where(
        OrderItem.order_id == Order.id, Membership.order_item_id == OrderItem.id, Membership.ends_on >= since.date()
    )
    hosts = exists().where(
        OrderItem.order_id == Order.id, ListingPurchase.order_item_id == OrderItem.id,
        ClubSession.id == ListingPurchase.club_session_id, ClubSession.ends_at >= since,
    )  # fmt: skip
    old = (Order.created_at < since, Order.name != FORGOTTEN, Order.status != OrderStatus.PENDING)
    with transaction() as db:
        due = select(Order.id).where(*old, ~booked, ~member, ~hosts).order_by(Order.id).limit(BATCH)
        ids = db.execute(due).scalars().all()
        for order_id in ids:
            _forget_order(db, order_id, f"forgotten-order-{order_id}{OF_NOBODY}")
            audit.record(db, audit.COMMAND, "forgotten", "order", order_id)
        return len(ids)


def forget(db: Session, registration_id: int, order_id: int | None, actor: str) -> None:
    """Anonymise one booking inside the caller's transaction, and its order with the last booking of it.

    Also called when somebody deletes their account.
    """
    address = f"forgotten-{registration_id}{OF_NOBODY}"
    values: dict[str, Any] = {"name": FORGOTTEN, "email": address, "answers": {}, "user_id": None}
    db.execute(update(Registration).where(Registration.id == registration_id).values(values))
    db.execute(delete(BookingNote).where(BookingNote.registration_id == registration_id))
    notices.forget(db, registration_id)
    differences = select(OrderItem.order_id).where(OrderItem.registration_id == registration_id)
    for each in {order_id, *db.execute(differences).scalars()} - {None}:
        if not _still_booked(db, each):
            _forget_order(db, each, address)
    audit.record(db, actor, "forgotten", "registration", registration_id)


def _still_booked(db: Session, order_id: int | None) -> bool:
    """Whether a booking of the order is not forgotten: its person may still ask."""
    known = select(Registration.id).join(OrderItem, OrderItem.registration_id == Registration.id)
    return db.execute(known.where(OrderItem.order_id == order_id, Registration.name != FORGOTTEN).limit(1)).first() is not None


def _forget_order(db: Session, order_id: int | None, address: str) -> None:
    had = exists().where(  # a course in somebody's account stays there; without one its secret link goes on without a name
        OrderItem.order_id == Order.id, ProductPurchase.order_item_id == OrderItem.id,
        ProductPurchase.granted_at.is_not(None), ProductPurchase.revoked_at.is_(None),
    )  # fmt: skip
    known = select(User.id).where(User.email == Order.email, User.email_verified_at.is_not(None)).correlate(Order)
    owner = case((had, func.coalesce(Order.user_id, known.scalar_subquery())), else_=None)
    db.execute(update(Order).where(Order.id == order_id).values(name=FORGOTTEN, email=address, user_id=owner))
    if order_id is not None:
        notices.forget_order(db, order_id, sent_too=True)
    db.execute(update(Payment).where(Payment.order_id == order_id).values(params={}))  # held the address for Stripe
    db.execute(delete(OutgoingEmail).where(OutgoingEmail.order_id == order_id))
