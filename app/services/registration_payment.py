"""What a payment makes of a booking, under its locks. Called by the registration's handler, in the order's transaction.

The club session's row is locked before the registration's. A payment for places that are kept changes no counter, so it locks
the session against change alone, and any number of them run beside each other. Whatever else moves a booking comes before or
after it, never between: the end of the hold or the offer, giving up and staff's changes by the order's lock; cancelling or
editing the session, another capacity and dealing places by the session's, which they take whole; and the guarded UPDATE sees
what stands otherwise after all. Two such payments meet in ``resale`` alone, which locks the wishes that it reads.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ..models import ClubSession, OrderItem, Registration
from ..rules.statuses import ACTIVE, PaymentState, RegistrationStatus, SessionStatus
from ..transaction import connection_of
from . import audit, difference_item, places, resale, waitlist
from .writes import moved_saying

KEPT = (RegistrationStatus.HELD, RegistrationStatus.OFFERED)
"""Its places are kept for it until it is paid, and stay counted as they are."""
_ITS = Registration.id == bindparam("registration_id")
_BOOKING = select(Registration).where(_ITS).with_for_update().execution_options(populate_existing=True)
_SESSION_STATUS = select(ClubSession.status).where(
    ClubSession.id == select(Registration.club_session_id).where(_ITS).scalar_subquery()
)
_LOCKED, _SHARED = _SESSION_STATUS.with_for_update(key_share=True), _SESSION_STATUS.with_for_update(read=True)


def fulfil(db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
    """See RegistrationItem.fulfil. What is known before the locks only says which of them are needed."""
    known, cents = db.get_one(Registration, item.registration_id), item.unit_amount_cents * item.quantity
    kept = known.status in KEPT and known.order_id == item.order_id
    if locked_session_status(db, item, shared=kept) is SessionStatus.CANCELLED:
        return False
    if kept and _become(db, known, RegistrationStatus.REGISTERED, cents, actor):
        return True
    registration = locked_booking(db, item)
    if item.order_id != registration.order_id:
        paid = difference_item.fulfil(db, item, registration, actor, now)
        db.expire(registration)  # it may have more places now
        return paid
    if registration.status in KEPT:
        return _surely_become(db, registration, RegistrationStatus.REGISTERED, cents, actor)
    if registration.status is RegistrationStatus.WAITLISTED:
        _surely_become(db, registration, RegistrationStatus.WAITLISTED, cents, actor)
        waitlist.deal(db, registration.club_session_id, actor)
        db.expire(registration)  # it may have its place now
        return True
    if registration.status is RegistrationStatus.EXPIRED and _still_free(db, registration, now):
        return _surely_become(db, registration, RegistrationStatus.REGISTERED, cents, actor)
    return False


def locked_session_status(db: Session, item: OrderItem, *, shared: bool = False) -> SessionStatus:
    """The club session's status, with its row locked: whoever deals places holds it before they touch a registration.

    ``shared``: locked against change alone, by any number of payments at once.
    """
    statement = _SHARED if shared else _LOCKED
    return connection_of(db).execute(statement, {"registration_id": item.registration_id}).scalar_one()


def locked_booking(db: Session, item: OrderItem) -> Registration:
    """The booking as it is, locked; after its session."""
    return db.execute(_BOOKING, {"registration_id": item.registration_id}).scalar_one()


def _surely_become(db: Session, registration: Registration, status: RegistrationStatus, cents: int, actor: str) -> bool:
    """The same of a locked row: losing it is a bug and not a race."""
    if not _become(db, registration, status, cents, actor):
        raise AssertionError(f"registration {registration.id} moved while it was locked")
    return True


def _become(db: Session, registration: Registration, status: RegistrationStatus, cents: int, actor: str) -> bool:
    """The guarded move of what has been paid; False when it stands otherwise by now."""
    paid = PaymentState.PAID if cents else PaymentState.FREE  # free for members, in an order that pays for something else
    values = {"status": status, "payment_status": paid, "amount_paid_cents": cents}
    may_replace = moved_saying(db, resale.ASKED_OF_BOOKING, Registration, registration.id, [registration.status], **values)
    if may_replace is None:
        return False
    audit.record(db, actor, status, "registration", registration.id, places=registration.places)
    if may_replace and status is RegistrationStatus.REGISTERED:
        resale.settle(db, registration.club_session_id, actor)
    return True


def _still_free(db: Session, registration: Registration, now: datetime) -> bool:
    """Take the places again for a late payment, unless the session is over, they are gone, or somebody waits for them."""
    club_session = db.execute(
        select(ClubSession).where(ClubSession.id == registration.club_session_id).with_for_update(key_share=True)
    ).scalar_one()
    if club_session.status is not SessionStatus.PUBLISHED or now >= club_session.starts_at:
        return False
    booked_again = select(Registration.id).where(
        Registration.club_session_id == registration.club_session_id,
        Registration.email == registration.email,
        Registration.status.in_(ACTIVE),
    )
    if db.execute(booked_again).first() is not None:
        return False
    return places.take(db, registration.club_session_id, registration.places)
