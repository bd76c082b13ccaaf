"""Ends what a session leaves behind: everybody of a cancelled session is told and refunded, whoever still waits at the start
is let go.

Each registration is ended in a transaction of its own, found by its state: a crash in the middle loses nothing and tells nobody
twice. Called by staff (``cancel_session``) and by the worker's scans.
"""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy import bindparam, case, exists, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession, Order, Registration
from ..rules.refusals import InvalidInput, SessionNotFound, words
from ..rules.statuses import ACTIVE, SESSION_MOVES, TAKEN, UNDECIDED, OrderStatus, RegistrationStatus, SessionStatus, sources
from ..transaction import end_read, retried, transaction
from . import (
    audit,
    bookings,
    calendars,
    difference_item,
    due,
    host_letters,
    letters,
    listing_reviews,
    order_ends,
    paying_back,
    places,
    waitlist,
)
from .writes import changed

BATCH = 200
LET_GO = ACTIVE - TAKEN
"""Whose hope ends when the session starts."""
_UNDECIDED = exists().where(Registration.club_session_id == ClubSession.id, Registration.status.in_(UNDECIDED))
_ENDING = (
    (Order.status == OrderStatus.PENDING) & Order.hold_expires_at.is_not(None) & Order.cancel_requested_at.is_not(None)
)
"""Its hold is being ended already: there is nothing to do here before Stripe has answered."""
_STARTED = (ClubSession.starts_at <= bindparam("now")) & or_(ClubSession.waitlist_taken > 0, _UNDECIDED)
_CANCELLED = (ClubSession.status == SessionStatus.CANCELLED) & ClubSession.wound_up_at.is_(None)
_OVER = select(ClubSession.id).where(or_(_CANCELLED, _STARTED))
_FREE = select(ClubSession.id).where(
    ClubSession.status == SessionStatus.PUBLISHED,
    ClubSession.waitlist_taken > 0,
    ClubSession.places_taken < ClubSession.capacity,
    ClubSession.starts_at > bindparam("now"),
)


@retried
def cancel_session(slug: str, actor: str, reason: str) -> None:
    """Cancel a club session: from now on nobody gets in, and the worker tells and refunds everybody. Raises SessionNotFound.

    Its hosts are told here. A host who waited for the committee gets the fee back, as for any listing that it does not publish.
    """
    with transaction() as db:
        listing_reviews.lock_orders(db, ClubSession.slug == slug)
        wanted = select(ClubSession.id, ClubSession.status).where(ClubSession.slug == slug)
        row = db.execute(wanted.with_for_update(key_share=True)).first()
        if row is None:
            raise SessionNotFound
        allowed = ClubSession.status.in_(sources(SESSION_MOVES, SessionStatus.CANCELLED))
        values = {
            "status": SessionStatus.CANCELLED,
            "cancel_reason": reason,
            "calendar_sequence": ClubSession.calendar_sequence + 1,
            "updated_at": clock.now(),
        }
        if not changed(db, update(ClubSession).where(ClubSession.id == row.id, allowed).values(values)):
            raise InvalidInput(None, words("This session is over or cancelled already."))
        audit.record(db, actor, "cancelled", "club_session", row.id, reason=reason)
        in_review = listing_reviews.reject(db, row.id, reason, actor, cancelled=True) is not None
        host_letters.owe_cancelled(db, row.id, reason, actor, was=row.status, host_knows=in_review)


def wind_up() -> int:
    """End the registrations of cancelled sessions, and the waiting and applying of started ones; how many were ended."""
    return due.each(due.found(_OVER, now=clock.now()), _wind_up_one)


def deal_free_places() -> int:
    """Deal whatever is free while somebody waits: no place stays empty because a transaction forgot (promise 9)."""
    return due.each(due.found(_FREE, now=clock.now()), _deal)


@retried
def _deal(club_session_id: int) -> int:
    with transaction() as db:
        return waitlist.deal(db, club_session_id, audit.WORKER)


def _wind_up_one(club_session_id: int) -> int:
    cancelled = _is_cancelled(club_session_id)
    statuses = ACTIVE if cancelled else LET_GO
    found = select(Registration.id).where(Registration.club_session_id == club_session_id, Registration.status.in_(statuses))
    found = found.outerjoin(Order, Order.id == Registration.order_id)
    in_turn = found.order_by(case((_ENDING, 1), else_=0), Registration.id)  # however many wait for Stripe, they hold up nobody
    ids = flask_db.session.execute(in_turn.limit(BATCH)).scalars().all()
    end_read()
    ended = 0
    for registration_id in ids:
        try:
            ended += _end(registration_id, cancelled)
        except Exception:
            current_app.logger.exception("registration %s not wound up; it stays due", registration_id)
    if cancelled and not ids:
        _done(club_session_id)
    return ended


def _is_cancelled(club_session_id: int) -> bool:
    status = flask_db.session.execute(select(ClubSession.status).where(ClubSession.id == club_session_id)).scalar_one()
    return status is SessionStatus.CANCELLED


@retried
def _end(registration_id: int, cancelled: bool) -> bool:
    """End one registration, refund it in full and tell the person, once; what is being paid is ended through its Checkout."""
    with transaction() as db:
        row = db.execute(
            select(Registration.order_id, Registration.club_session_id).where(Registration.id == registration_id)
        ).one()
        order = bookings.lock_orders(db, registration_id) if row.order_id is not None else None
        db.execute(select(ClubSession.id).where(ClubSession.id == row.club_session_id).with_for_update(key_share=True))
        statement = select(Registration).where(Registration.id == registration_id).execution_options(populate_existing=True)
        registration = db.execute(statement).scalar_one()
        if registration.club_session_id != row.club_session_id:
            return False  # moved to another session meanwhile
        if registration.status not in (ACTIVE if cancelled else LET_GO):
            return False
        if order is not None and order.status is OrderStatus.PENDING and order.hold_expires_at is not None:
            return _wish_to_end(db, order)
        status = RegistrationStatus.CANCELLED if cancelled else RegistrationStatus.EXPIRED
        confirmed = registration.status is RegistrationStatus.REGISTERED
        owed = _end_registration(db, registration, status)
        if order is not None:
            _end_order(db, order, cancelled, owed, registration, confirmed)
        return True


def _wish_to_end(db: Session, order: Order) -> bool:
    """The hold's own end does the rest: expire at Stripe, look, then release the whole order, or refund this line of it."""
    not_yet = (Order.id == order.id, Order.cancel_requested_at.is_(None))
    return changed(db, update(Order).where(*not_yet).values(cancel_requested_at=clock.now()))


def _end_registration(db: Session, registration: Registration, status: RegistrationStatus) -> int:
    before = registration.status
    db.execute(update(Registration).where(Registration.id == registration.id).values(status=status))
    if before in TAKEN:
        places.release(db, registration.club_session_id, registration.places)
    elif before is RegistrationStatus.WAITLISTED:
        places.leave_waitlist(db, registration.club_session_id, registration.places)
    audit.record(db, audit.WORKER, status, "registration", registration.id, places=registration.places)
    difference_item.let_go(db, registration.id, clock.now())
    paid = registration.amount_paid_cents
    return paying_back.owe_for_booking(db, registration, paid, "session_cancelled", audit.WORKER)


def _end_order(
    db: Session, order: Order, cancelled: bool, owed: int, registration: Registration, confirmed: bool
) -> None:
    """The order ends with the last thing in it; the letter is about this booking alone."""
    target = OrderStatus.CANCELLED if cancelled or order.status is OrderStatus.PAID else OrderStatus.EXPIRED
    order_ends.end_if_over(db, order, target, audit.WORKER)
    over = "waitlist_over" if registration.applied_at is None else "application_over"
    template = "session_cancelled" if cancelled else over
    extra: dict[str, Any] = {"refund_cents": owed} if owed else {}
    if confirmed:  # it is in their calendar; cancelling the session has moved its number on already
        extra["struck"] = {registration.id: calendars.current(db, registration.club_session_id)}
    only = bookings.line_of(db, registration).id
    letters.owe_order_letter(db, template, order.id, key=f"registration:{registration.id}", only=only, **extra)


@retried
def _done(club_session_id: int) -> None:
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == club_session_id).values(wound_up_at=clock.now()))
