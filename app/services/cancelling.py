"""The person cancels what is settled: a free or paid registration, or a spot on the waitlist. Called by the order page.

What is still to be paid is given up through ``ending`` instead, because its Checkout must be ended first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Order, OrderItem, Registration
from ..queries import refund_terms
from ..rules.refusals import OrderNotOpen
from ..rules.statuses import TAKEN, UNDECIDED, WAITING, OrderStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, bookings, calendars, difference_item, letters, order_ends, orders, paying_back, places, waitlist

_S = RegistrationStatus
CANCELLABLE = WAITING | UNDECIDED | {_S.OFFERED, _S.REGISTERED}


@retried
def cancel_order(
    order_token: str, actor: str = audit.GUEST, *, when_replaced: bool = False, booking: str | None = None
) -> int:
    """Cancel every registration of a settled order; returns the cents that go back now, by the session's terms.

    ``booking``: only the one with this token; the order ends with the last thing in it.
    ``when_replaced``: too late for a refund, but refund it if somebody takes the place. Raises OrderNotOpen when nothing of
    it can be cancelled any more.
    """
    now = clock.now()
    with transaction() as db:
        order_id = db.execute(select(Order.id).where(Order.token == order_token)).scalar_one_or_none()
        if order_id is None:
            raise OrderNotOpen
        order = _lock(db, order_id)
        if orders.is_being_paid(order):
            raise OrderNotOpen
        items = _items(db, order_id, booking)
        struck: dict[int, int] = {}
        back = [_cancel_item(db, item, actor, now, when_replaced, struck) for item in items]
        if all(cents is None for cents in back):
            raise OrderNotOpen
        order_ends.end_if_over(db, order, OrderStatus.CANCELLED, actor)
        total = sum(cents or 0 for cents in back)
        template, only = "refunded_cancelled" if total else "cancelled", items[0].id if booking is not None else None
        key = f"order:{order.id}" if only is None else f"item:{only}"
        letters.owe_order_letter(db, template, order.id, key=key, refund_cents=total or None, struck=struck, only=only)
        return total


def _items(db: Session, order_id: int, booking: str | None) -> Sequence[OrderItem]:
    """The lines to cancel: all, or the one of this booking."""
    lines = select(OrderItem).outerjoin(Registration, Registration.id == OrderItem.registration_id)
    if booking is not None:
        lines = lines.where(Registration.token == booking)
    return db.execute(lines.where(OrderItem.order_id == order_id).order_by(OrderItem.id)).scalars().all()


def _cancel_item(
    db: Session, item: OrderItem, actor: str, now: datetime, when_replaced: bool, struck: dict[int, int]
) -> int | None:
    """End one registration, free its places and deal them; the cents to give back, or None when it cannot be cancelled.

    What was confirmed leaves the person's calendar: its number goes into ``struck``.
    """
    if item.registration_id is None:
        return None
    club_session, registration = _locked(db, item.registration_id)
    if registration.order_id != item.order_id:
        return None  # a difference: the booking is cancelled with its own order
    before = registration.status
    waiting, confirmed = (before is status for status in (_S.WAITLISTED, _S.REGISTERED))
    if now >= club_session.starts_at or before not in CANCELLABLE:
        return None
    terms = refund_terms.of_booking(club_session, registration)
    in_time = waiting or terms.in_time(club_session.starts_at, now)
    wish = now if when_replaced and not in_time and registration.amount_paid_cents else None
    values = {"status": RegistrationStatus.CANCELLED, "replacement_wanted_at": wish}
    db.execute(update(Registration).where(Registration.id == registration.id).values(values))
    give_back(db, registration, before)
    audit.record(db, actor, "cancelled", "registration", registration.id, places=registration.places, when_replaced=bool(wish))
    kept = paying_back.kept_cents(db, registration)
    cents = kept if waiting else terms.back_cents(kept)
    owed = paying_back.owe_for_booking(db, registration, cents, "cancelled", actor) if in_time else 0
    difference_item.let_go(db, registration.id, now)
    if confirmed or wish is not None:  # by the number who books meanwhile sees that somebody waits to be replaced
        number = calendars.strike_out(db, club_session.id)
        struck |= {registration.id: number} if confirmed else {}
    waitlist.deal(db, club_session.id, actor, freed=registration.places if before in TAKEN else 0)
    return owed


def give_back(db: Session, registration: Registration, before: RegistrationStatus) -> None:
    """Give back what a booking counted in ``before`` it ended: places, a spot on the waitlist, or (an application) nothing."""
    if before in TAKEN:
        places.release(db, registration.club_session_id, registration.places)
    elif before in WAITING:
        places.leave_waitlist(db, registration.club_session_id, registration.places)


def _lock(db: Session, order_id: int) -> Order:
    """The order, and those of its bookings' differences: their payments may be refunded too."""
    order = orders.lock(db, order_id)
    mine = select(OrderItem.registration_id).where(OrderItem.order_id == order_id, OrderItem.registration_id.is_not(None))
    for registration_id in db.execute(mine.order_by(OrderItem.registration_id)).scalars().all():
        if registration_id is not None:
            bookings.lock_orders(db, registration_id)
    return order


def _locked(db: Session, registration_id: int) -> tuple[ClubSession, Registration]:
    """The club session, locked first, and the registration as it is now."""
    club_session = db.execute(
        select(ClubSession)
        .join(Registration, Registration.club_session_id == ClubSession.id)
        .where(Registration.id == registration_id)
        .with_for_update(of=ClubSession, key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    registration = db.execute(
        select(Registration).where(Registration.id == registration_id).execution_options(populate_existing=True)
    ).scalar_one()
    return club_session, registration
