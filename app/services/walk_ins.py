"""Somebody comes to the door without a booking: they are added, pay in cash and are in. Called by the door's page, for staff.

Two transactions, each done once by the form's own key: added and paid, then ticked in. A crash between them leaves a paid booking
on the door's list, and sending the form again goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from .. import clock
from ..extensions import db as flask_db
from ..models import ClubSession
from ..queries import desk_door, desk_quotes
from ..rules.capacity import overbooked_after
from ..rules.pricing import Line
from ..rules.refusals import SessionNotFound
from . import adding, door
from .adding import How, Wanted


@dataclass(frozen=True, slots=True)
class Price:
    """What a walk-in has to pay, in minor units, and what adding them would do to the session."""

    total_cents: int
    currency: str
    lines: Sequence[Line]
    """The person's own place and those of their guests, which may cost something else."""
    over: int
    """By how many the session would be past its capacity; 0: they fit."""
    waiting: int
    """How many wait in line and would be passed over."""


def price(slug: str, email: str | None, places: int) -> Price:
    """What it would cost now. Changes nothing. Raises SessionNotFound."""
    db, now = flask_db.session(), clock.now()
    club_session = db.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
    if club_session is None:
        raise SessionNotFound
    quote = desk_quotes.for_address(db, club_session, email, places, now)
    after = club_session.places_taken + places
    over = overbooked_after(club_session.capacity + club_session.overbooked, after)
    return Price(
        total_cents=quote.total_cents,
        currency=quote.currency,
        lines=quote.lines,
        over=overbooked_after(club_session.capacity, after) if over else 0,
        waiting=club_session.waitlist_taken,
    )


def add(slug: str, wanted: Wanted, actor: str) -> tuple[str, str]:
    """Add them as paid in cash and tick them in; the reference of the booking and its name.

    Raises what ``adding.add`` does: NotEnoughPlaces, PriceChanged, InvalidInput.
    """
    added = adding.add(slug, wanted, actor)
    booking = desk_door.of_token(added.token)
    if booking is None:
        raise AssertionError("the booking that was just added is not there")
    ticked = door.tick_in(slug, booking.reference, actor)
    return booking.reference, ticked.name


def in_cash(
    name: str, email: str | None, places: int, *, once: str, expected_cents: int | None, overbook_to: int, reason: str
) -> Wanted:
    """What the door asks ``adding`` for: the session's own price, as the page showed it, in cash."""
    return Wanted(
        name=name, places=places, how=How.CASH, once=once, email=email, reason=reason, expected_cents=expected_cents,
        overbook_to=overbook_to,
    )  # fmt: skip
