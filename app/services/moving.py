"""Staff move a booking to another session, or change how many places it has. Called by the desk.

One transaction: new places are taken before old ones are given back, both sessions are locked in the order of their ids, and the
money that was taken moves in the books to the session it is for now. Whoever waits for what comes free is served in it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Registration
from ..queries import desk_quotes
from ..rules.refusals import InvalidInput, SessionNotFound, words
from ..rules.statuses import ACTIVE, ItemKind
from ..transaction import retried, transaction
from . import audit, bookings, calendars, differences, ledger, letters, overbooking, paying_back, places, resale, waitlist
from .adding import MOST_PLACES
from .bookings import Booking
from .differences import Settlement


@dataclass(frozen=True, slots=True)
class Changed:
    """What goes back now, in minor units; ``again``: this very form was acted on before, and nothing was done twice."""

    refund_cents: int = 0
    again: bool = False


@retried
def move(token: str, to_slug: str, settlement: Settlement, actor: str) -> Changed:
    """Move a confirmed booking to another session; raises the Refusal that says why not."""
    now = clock.now()
    with transaction() as db:
        booking = bookings.lock(db, token, _id_of(db, to_slug))
        registration, old = booking.registration, booking.club_session
        if audit.done_before(db, "registration", registration.id, settlement.once):
            return Changed(again=True)
        differences.check_changeable(booking, settlement)
        new = next(one for one in booking.sessions.values() if one.slug == to_slug)
        _check_target(db, booking, new)
        cents = desk_quotes.move_difference(db, registration, new, now)
        over = overbooking.take(db, new, registration.places, settlement.overbook_to, actor, settlement.reason)
        struck = _rebook(db, registration, old, new, settlement.once, now)
        back = differences.settle(db, booking, cents, settlement, actor, now)
        detail = {"from": old.title, "to": new.title, "means": settlement.how, "cents": abs(cents), "reason": settlement.reason}
        audit.record(
            db, actor, "moved", "registration", registration.id, **detail, overbooked=over or None, once=settlement.once
        )
        audit.record(db, actor, "moved_away", "club_session", old.id, booking=registration.reference)
        _tell_moved(db, booking, old, struck, back, settlement.once)
        waitlist.deal(db, old.id, actor, freed=registration.places)
        resale.settle(db, new.id, actor)
        return Changed(back)


@retried
def change_places(token: str, wanted: int, settlement: Settlement, actor: str) -> Changed:
    """Give a confirmed booking more places or fewer; raises the Refusal that says why not.

    Places added to be paid by a link are kept until its deadline and go again when it is not paid.
    """
    now = clock.now()
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration, here = booking.registration, booking.club_session
        if audit.done_before(db, "registration", registration.id, settlement.once):
            return Changed(again=True)
        differences.check_changeable(booking, settlement)
        before = registration.places
        if not 1 <= wanted <= MOST_PLACES or wanted == before:
            raise InvalidInput("places", words("Enter another number of places than it has now, 1 or more"))
        cents = desk_quotes.places_difference(db, registration, booking.item, here, wanted, now)
        over = None
        if wanted > before:
            over = overbooking.take(db, here, wanted - before, settlement.overbook_to, actor, settlement.reason) or None
        else:
            places.release(db, here.id, before - wanted)
        db.execute(update(Registration).where(Registration.id == registration.id).values(places=wanted))
        db.refresh(registration)
        added = max(0, wanted - before)
        back = differences.settle(db, booking, cents, settlement, actor, now, added_places=added)
        detail = {"from": before, "to": wanted, "means": settlement.how, "cents": abs(cents), "reason": settlement.reason}
        audit.record(
            db, actor, "places_changed", "registration", registration.id, **detail, overbooked=over, once=settlement.once
        )
        key = f"{registration.id}:{settlement.once}"
        only = booking.item.id
        letters.owe_order_letter(db, "booking_changed", booking.order.id, key=key, refund_cents=back or None, only=only)
        waitlist.deal(db, here.id, actor, freed=max(0, before - wanted))
        if added and differences.pending(db, registration.id) is None:  # else they count once they are paid
            resale.settle(db, here.id, actor)
        return Changed(back)


def _id_of(db: Session, slug: str) -> int:
    club_session_id = db.execute(select(ClubSession.id).where(ClubSession.slug == slug)).scalar_one_or_none()
    if club_session_id is None:
        raise SessionNotFound
    return club_session_id


def _check_target(db: Session, booking: Booking, new: ClubSession) -> None:
    """The other session is another, in the same currency, and the address has no booking there."""
    if new.id == booking.club_session.id:
        raise InvalidInput("to", words("Choose another session than the one it is in"))
    if new.currency != booking.order.currency:
        raise InvalidInput("to", words("That session is sold in another currency."))
    there = select(Registration.id).where(
        Registration.club_session_id == new.id, Registration.email == booking.registration.email,
        Registration.status.in_(ACTIVE),
    )  # fmt: skip
    if db.execute(there).first() is not None:
        raise InvalidInput("to", words("This address has a booking there already."))


def _rebook(db: Session, registration: Registration, old: ClubSession, new: ClubSession, once: str, now: datetime) -> int:
    """Change the session, give the old places back and take the money along; the number that strikes the old entry out."""
    mine = update(Registration).where(Registration.id == registration.id, Registration.club_session_id == old.id)
    db.execute(mine.values(club_session_id=new.id, checked_in_at=None, moved_at=now))
    db.refresh(registration)
    places.release(db, old.id, registration.places)
    revenue = ledger.revenue(ItemKind.REGISTRATION)
    for payment_id, cents in paying_back.earned(db, registration):
        key, payment = f"move:{registration.id}:{once}:{payment_id}", {"payment_id": payment_id}
        ledger.book(db, f"{key}:out", revenue, ledger.MOVED, cents, new.currency, club_session_id=old.id, **payment)
        ledger.book(db, f"{key}:in", ledger.MOVED, revenue, cents, new.currency, club_session_id=new.id, **payment)
    return calendars.strike_out(db, old.id)


def _tell_moved(db: Session, booking: Booking, old: ClubSession, struck: int, back: int, once: str) -> None:
    """One mail with the new entry for the calendar, and the old one struck out."""
    left = letters.left_session(booking.registration, old, struck)
    key = f"{booking.registration.id}:{once}"
    only, back_cents = booking.item.id, back or None
    letters.owe_order_letter(db, "moved", booking.order.id, key=key, refund_cents=back_cents, left=left, only=only)
