"""What staff charge: the session's price for an address, and the difference that a change of a booking makes.

Called by the desk's pages and, in the same words, by the services that write it. Cents are minor units of the session's currency.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import ClubSession, OrderItem, Registration, User
from ..rules import money
from ..rules.pricing import Quote, price_of_last, quote
from . import club_sessions, memberships


def for_address(db: Session, club_session: ClubSession, email: str | None, places: int, now: datetime) -> Quote:
    """The session's price for so many places: a member's or a student's when the address is theirs. Staff vouch for it."""
    user_id = None if email is None else db.execute(select(User.id).where(User.email == email)).scalar_one_or_none()
    return _quote(club_session, places, memberships.standing(db, user_id, email, now), now)


def _for_booking(db: Session, registration: Registration, club_session: ClubSession, places: int, now: datetime) -> Quote:
    """The price for whoever has the booking: a member's own place stays theirs, whatever address they have had since."""
    if not registration.is_member or registration.user_id is None:
        return for_address(db, club_session, registration.email, places, now)
    return _quote(club_session, places, memberships.standing(db, registration.user_id, None, now), now)


def _quote(club_session: ClubSession, places: int, standing: memberships.Standing, now: datetime) -> Quote:
    prices = club_sessions.prices(club_session)
    return quote(prices, places, is_member=standing.is_member, is_student=standing.is_student, now=now)


def move_difference(db: Session, registration: Registration, target: ClubSession, now: datetime) -> int:
    """What the booking costs more in another session than it was sold for; below zero: less."""
    return _for_booking(db, registration, target, registration.places, now).total_cents - registration.price_cents


def places_difference(
    db: Session, registration: Registration, item: OrderItem, club_session: ClubSession, places: int, now: datetime
) -> int:
    """What so many places cost more than those booked now: added ones at today's price, given up ones at their own."""
    if places < registration.places:
        given_up, to = registration.places - places, money.step(club_session.currency)
        return -price_of_last(_unit_prices(item), registration.price_cents, registration.places, given_up, to)
    before = _for_booking(db, registration, club_session, registration.places, now).total_cents
    return _for_booking(db, registration, club_session, places, now).total_cents - before


def _unit_prices(item: OrderItem) -> list[int]:
    """What each place of the booking's own line cost, the person's own first."""
    if not item.lines:
        return [item.unit_amount_cents] * item.quantity
    return [cents for line in item.lines for cents in [line["unit_amount_cents"]] * line["quantity"]]
