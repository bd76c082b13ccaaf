"""Staff give a place to somebody who waits, past those who are before them: promoted at once, or offered with a deadline.

Called by the desk. The record keeps why, and whom it passed over: the club's own rule (promise 9) is broken only in the open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import update
from sqlalchemy.orm import Session

from .. import clock
from ..models import Order, Registration
from ..rules import money, offers
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import HAS_PAID, OrderStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, bookings, by_hand, letters, overbooking, places, resale, waitlist
from .bookings import Booking
from .by_hand import Means
from .writes import changed


class NotWaiting(Refusal):
    status = 409
    text = words("This person does not wait any more, or is paying just now. Look at what it says now.")


class Way(StrEnum):
    """How somebody gets a place out of turn. PROMOTE is for what costs nothing or is paid; the others say how it is paid."""

    PROMOTE = "promote"
    OFFER = "offer"
    LINK = "link"
    CASH = "cash"
    BANK = "bank"


@dataclass(frozen=True, slots=True)
class OutOfTurn:
    way: Way
    reason: str
    once: str
    overbook_to: int = 0
    pay_by: datetime | None = None


def passed_over(db: Session, registration: Registration) -> Sequence[Registration]:
    """Those of the line who are before this booking, in their order."""
    line = waitlist.line(db, registration.club_session_id)
    return line[: next((place for place, one in enumerate(line) if one.id == registration.id), len(line))]


@retried
def serve(token: str, wish: OutOfTurn, actor: str) -> bool:
    """Give the place; False when this very form was sent before. Raises NotWaiting, NotEnoughPlaces or InvalidInput."""
    now = clock.now()
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration, here = booking.registration, booking.club_session
        if audit.done_before(db, "registration", registration.id, wish.once):
            return False
        _check(booking, wish, now)
        passed = [one.reference for one in passed_over(db, registration)]
        places.leave_waitlist(db, here.id, registration.places)
        db.refresh(here)
        over = overbooking.take(db, here, registration.places, wish.overbook_to, actor, wish.reason)
        detail = {"places": registration.places, "reason": wish.reason, "overbooked": over or None, "passed": passed}
        action = "offered" if wish.way is Way.OFFER else "promoted"
        audit.record(db, actor, action, "registration", registration.id, **detail, means=wish.way, once=wish.once)
        _give(db, booking, wish, actor, now)
        waitlist.deal(db, here.id, actor)
        return True


def _check(booking: Booking, wish: OutOfTurn, now: datetime) -> None:
    registration, order = booking.registration, booking.order
    paid = registration.payment_status in HAS_PAID
    paying = not paid and order.hold_expires_at is not None
    if registration.status is not RegistrationStatus.WAITLISTED or paying:
        raise NotWaiting
    if not wish.reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
    at_once = paid or not registration.price_cents
    if at_once is not (wish.way is Way.PROMOTE) and not (wish.way is Way.OFFER and not paid):
        raise InvalidInput("how", words("Choose how this place is paid, or offer it"))
    if wish.way is Way.OFFER and now >= booking.club_session.starts_at:
        raise InvalidInput("how", words("The session has begun: there is no time to answer an offer."))
    if wish.way is Way.LINK:
        if wish.pay_by is None or not now < wish.pay_by <= booking.club_session.ends_at:
            raise InvalidInput("pay_by", words("Choose a time between now and the end of the session"))
        if not money.chargeable(order.total_cents, order.currency):
            raise InvalidInput("how", words("This price cannot be paid by card."))


def _give(db: Session, booking: Booking, wish: OutOfTurn, actor: str, now: datetime) -> None:
    """Move the booking from the line to its places, and what it costs to whom it is due."""
    registration, order, here = booking.registration, booking.order, booking.club_session
    paid = registration.payment_status in HAS_PAID
    if paid:
        _become(db, registration, RegistrationStatus.REGISTERED)
        resale.settle(db, here.id, actor)
        letters.owe_order_letter(db, "confirmation", order.id, key=f"promoted:{registration.id}")
        return
    ends = offers.deadline(now, here.starts_at, here.time_zone) if wish.way is Way.OFFER else now
    _become(db, registration, RegistrationStatus.OFFERED, offered_at=now, offer_expires_at=ends)
    if wish.way is Way.OFFER:
        letters.owe_offer_letter(db, order.id, registration.id, now)
    elif wish.way is Way.LINK:
        _become(db, registration, RegistrationStatus.HELD)
        until = update(Order).where(Order.id == order.id, Order.status == OrderStatus.PENDING)
        db.execute(until.values(hold_expires_at=wish.pay_by))
        letters.owe_order_letter(db, "payment_link", order.id, key=f"promoted:{registration.id}")
    else:
        means = None if wish.way is Way.PROMOTE else Means(wish.way)
        by_hand.settle(db, order, means, actor, now, reason=wish.reason)


def _become(db: Session, registration: Registration, status: RegistrationStatus, **values: object) -> None:
    before = (RegistrationStatus.WAITLISTED, RegistrationStatus.OFFERED)
    mine = update(Registration).where(Registration.id == registration.id, Registration.status.in_(before))
    if not changed(db, mine.values(status=status, **values)):
        raise AssertionError(f"registration {registration.id} moved while it was locked")
