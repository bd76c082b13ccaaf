"""Sends applications along the main road and decides about them as the committee does. Called by tests of services."""

from __future__ import annotations

from typing import Any

from app.models import ClubSession, Registration
from app.rules.statuses import Entry
from app.services import applications, checkout, offers
from app.services.applications import Decision, Verdict

from .booking import begin, order_of
from .factories import make_club_session, make_free_club_session
from .rows import the

STAFF = "user:1"


def session(*, free: bool = False, **changes: Any) -> ClubSession:
    make = make_free_club_session if free else make_club_session
    return make(**{"entry": Entry.APPLICATION, "capacity": 2, **changes})


def apply(club_session: ClubSession, **changes: Any) -> str:
    price = club_session.non_member_price_cents or 0
    return begin(club_session, **{"expected_price_cents": price, **changes})


def booking(order_token: str) -> Registration:
    return the(Registration, order_id=order_of(order_token).id)


def decide(club_session: ClubSession, verdict: Verdict, *orders: str, once: str = "", **more: Any) -> int:
    tokens = tuple(booking(order).token for order in orders)
    key = once or f"{verdict}-{'-'.join(orders)}"
    return applications.decide(club_session.slug, Decision(verdict, tokens, **more), STAFF, once=key)


def accept(club_session: ClubSession, *orders: str, **more: Any) -> int:
    return decide(club_session, Verdict.ACCEPT, *orders, **more)


def reserve(club_session: ClubSession, *orders: str, **more: Any) -> int:
    return decide(club_session, Verdict.RESERVE, *orders, **more)


def status(order_token: str) -> str:
    return booking(order_token).status.value


def counters(club_session: ClubSession) -> tuple[int, int, int]:
    row = the(ClubSession, id=club_session.id)
    return row.places_taken, row.waitlist_taken, row.overbooked


def held(club_session: ClubSession) -> str:
    """An accepted application whose place is kept while it is being paid."""
    order = apply(club_session)
    accept(club_session, order)
    offers.accept(booking(order).token)
    checkout.pay(order)
    return order
