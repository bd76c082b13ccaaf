"""A difference as a line of an order of its own: what a changed booking costs more. Called through the registration's handler.

The booking goes on meanwhile: paid, less is owed for it; not paid, places that were added for it go again, and what a move costs
more stays owed on the desk.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..models import ClubSession, Order, OrderItem, Registration
from ..rules.statuses import OrderStatus, RegistrationStatus, SessionStatus
from . import audit, bookings, letters, places, refund_marks, resale, waitlist
from .writes import changed


def fulfil(db: Session, item: OrderItem, registration: Registration, actor: str, now: datetime) -> bool:
    """The money is there: the booking owes less. False when it bought nothing: the booking or the added places are gone."""
    if registration.status is not RegistrationStatus.REGISTERED:
        return False
    cents = item.unit_amount_cents * item.quantity
    values = {"amount_paid_cents": registration.amount_paid_cents + cents}
    order_status = db.execute(select(Order.status).where(Order.id == item.order_id)).scalar_one()
    if order_status is OrderStatus.EXPIRED and item.added_places:
        if not _still_free(db, registration, item.added_places, now):
            return False
        values |= {"places": registration.places + item.added_places, "price_cents": registration.price_cents + cents}
    elif registration.owed_cents < cents:
        return False  # settled in another way since
    else:
        values["owed_cents"] = registration.owed_cents - cents
    _set(db, registration, values)
    audit.record(db, actor, "difference_paid", "registration", registration.id, cents=cents)
    if item.added_places:
        resale.settle(db, registration.club_session_id, actor)
    return True


def release(db: Session, item: OrderItem, registration: Registration, actor: str) -> None:
    """It was not paid in time, or given up: added places go, with their price. The session's row is locked."""
    if registration.status is not RegistrationStatus.REGISTERED:
        return
    cents = item.unit_amount_cents * item.quantity
    if not item.added_places:
        audit.record(db, actor, "difference_unpaid", "registration", registration.id, cents=cents)
        return
    less = {"places": registration.places - item.added_places, "price_cents": registration.price_cents - cents}
    _set(db, registration, {**less, "owed_cents": registration.owed_cents - cents})
    places.release(db, registration.club_session_id, item.added_places)
    audit.record(db, actor, "added_places_ended", "registration", registration.id, places=item.added_places, cents=cents)
    if registration.order_id is not None:
        only = bookings.line_of(db, registration).id
        letters.owe_order_letter(db, "booking_changed", registration.order_id, key=f"ended:{item.id}", only=only)
    waitlist.deal(db, registration.club_session_id, actor, freed=item.added_places)


def booking_goes_on(db: Session, order_id: int) -> bool:
    """Whether the order is for a difference alone, and its booking has its place whatever becomes of that."""
    mine = select(Registration.id).join(OrderItem, OrderItem.registration_id == Registration.id)
    still = mine.where(Registration.order_id != order_id, Registration.status == RegistrationStatus.REGISTERED)
    return db.execute(still.where(OrderItem.order_id == order_id).limit(1)).first() is not None


def let_go(db: Session, registration_id: int, now: datetime) -> None:
    """The booking ends: nothing is owed for it any more, and a difference that may still be paid is ended by the worker."""
    db.execute(update(Registration).where(Registration.id == registration_id).values(owed_cents=0))
    mine = select(OrderItem.order_id).join(Registration, Registration.id == OrderItem.registration_id)
    others = mine.where(OrderItem.registration_id == registration_id, OrderItem.order_id != Registration.order_id)
    waiting = (Order.id.in_(others), Order.status == OrderStatus.PENDING, Order.cancel_requested_at.is_(None))
    db.execute(update(Order).where(*waiting).values(cancel_requested_at=now).execution_options(synchronize_session=False))


def _still_free(db: Session, registration: Registration, added: int, now: datetime) -> bool:
    statement = select(ClubSession).where(ClubSession.id == registration.club_session_id).with_for_update(key_share=True)
    club_session = db.execute(statement).scalar_one()
    if club_session.status is not SessionStatus.PUBLISHED or now >= club_session.starts_at:
        return False
    return places.take(db, club_session.id, added)


def _set(db: Session, registration: Registration, values: dict[str, int]) -> None:
    """The guarded change; the row is locked, so losing it is a bug and not a race."""
    mine = update(Registration).where(Registration.id == registration.id, Registration.status == RegistrationStatus.REGISTERED)
    if not changed(db, mine.values(values)):
        raise AssertionError(f"registration {registration.id} moved while it was locked")
    refund_marks.mark_booking(db, registration.id)
