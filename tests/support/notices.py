"""Bookings of somebody who agreed to notices by WhatsApp, and what the local WhatsApp was told. Called by tests of notices."""

from __future__ import annotations

from typing import Any

from app.models import Registration

from .booking import begin, order_of
from .rows import the

NUMBER, TO = "+64211234567", "64211234567"
STAFF = "user:1"


def book(club_session: Any, **changes: Any) -> str:
    return begin(club_session, **{"expected_price_cents": 0, "whatsapp_number": NUMBER, **changes})


def told(server: Any) -> list[str]:
    """The templates that were taken, in order; each to our number."""
    assert {to for to, *_ in server.sent} <= {TO}
    return [template for _, template, _ in server.sent]


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)
