"""Who is looking, as services and queries want it. Called by every blueprint that shows a price or acts for somebody."""

from __future__ import annotations

from flask import session as cookie
from flask_login import current_user

from .. import clock
from ..extensions import db
from ..queries import memberships
from ..queries.memberships import Standing
from ..services import audit

KNOWN_ORDERS = "orders"
KNOWN_LIMIT = 20
SIGN_IN = "_user_id"
"""Where Flask-Login keeps it."""


def user_id() -> int | None:
    """The id of the person signed in, or None. Nobody is looked for whom the cookie does not name."""
    return current_user.user_id if SIGN_IN in cookie and current_user.is_authenticated else None


def actor() -> str:
    """How the record names whoever acts here."""
    here = user_id()
    return audit.GUEST if here is None else audit.by_user(here)


def is_member(email: str | None = None) -> bool:
    """Whether the viewer has an active membership now, and books under ``email`` if given; no statement for a visitor."""
    return standing(email).is_member


def standing(email: str | None = None) -> Standing:
    """What the viewer is entitled to now, booking under ``email`` if given; no statement for a visitor."""
    return memberships.standing(db.session(), user_id(), email, clock.now())


def known_orders() -> tuple[str, ...]:
    """Tokens of the orders this browser made: who comes back with them is the same person."""
    kept = cookie.get(KNOWN_ORDERS, [])
    return tuple(token for token in kept if isinstance(token, str)) if isinstance(kept, list) else ()


def remember_order(token: str) -> None:
    """Keep the order's token in this browser's signed cookie, the newest few only."""
    cookie[KNOWN_ORDERS] = [*(t for t in known_orders() if t != token), token][-KNOWN_LIMIT:]
