"""Puts a host's draft where a test needs it, and walks it along the road to being published. Called by tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from app.models import ClubSession, Listing, User
from app.rules.statuses import SessionStatus
from app.services import checkout
from app.services.hosting import Fee
from app.transaction import transaction

from .factories import make_club_session, make_user

_number = count(1)


def make_draft(host: User, **overrides: Any) -> ClubSession:
    """A draft of this person's own, to be paid for."""
    club_session = make_club_session(**{"status": SessionStatus.DRAFT, "host_user_id": host.id, **overrides})
    with transaction() as db:
        db.add(Listing(club_session_id=club_session.id))
    return club_session


def make_host(**overrides: Any) -> User:
    return make_user(**{"name": "Hana Host", **overrides})


def begin_listing(host: User, club_session: ClubSession, *, attempt: str = "", **more: Any) -> str:
    """Order the listing and leave for Stripe (or not, when there is no fee); the order's token."""
    key = attempt or f"listing-{next(_number)}"
    return checkout.begin_listing(club_session.slug, Fee(host.id, host.name, host.email, key, **more)).order_token
