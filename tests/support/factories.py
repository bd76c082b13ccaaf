"""Plain functions that put rows where a test needs them, with defaults that make sense. Called by tests, in an app context.

They write through the app's own transaction, so that what they leave is what the app would find; times are relative to the
app's clock.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app import clock
from app.models import ClubSession, Membership, MembershipPlan, User, Voucher
from app.rules.statuses import Role, SessionStatus
from app.rules.vouchers import VoucherKind
from app.transaction import transaction

ZONE = "Pacific/Auckland"
PASSWORD = "correct horse battery"
_number = count(1)
# Real argon2, at the least cost it allows: a test that signs in should not pay for a safe password.
_hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def make_club_session(**overrides: Any) -> ClubSession:
    """A published session in a week with 10 places at NZ$12.00 (members NZ$8.00), open now, without a waitlist."""
    number = next(_number)
    starts_at = overrides.pop("starts_at", clock.now() + timedelta(days=7))
    values: dict[str, Any] = {
        "slug": f"session-{number}",
        "title": f"Social badminton {number}",
        "summary": "Two hours of doubles for every level.",
        "description": "Bring indoor shoes. Shuttles and rackets are there.",
        "location": "Harbour Sports Hall, 12 Quay Street",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "time_zone": ZONE,
        "capacity": 10,
        "member_price_cents": 800,
        "non_member_price_cents": 1200,
        "currency": "NZD",
        "status": SessionStatus.PUBLISHED,
        "max_places": 4,
        "refund_until": starts_at - timedelta(days=1),
        **overrides,
    }
    return _add(ClubSession(**values))


def make_free_club_session(**overrides: Any) -> ClubSession:
    """The same, free for everybody."""
    return make_club_session(**{"member_price_cents": None, "non_member_price_cents": None, **overrides})


def make_user(*, role: Role = Role.NONE, password: str | None = None, **overrides: Any) -> User:
    """Somebody who can sign in with ``password`` (None: has not set one), e-mail verified."""
    number = next(_number)
    values: dict[str, Any] = {
        "email": f"person{number}@muster.test",
        "name": f"Person {number}",
        "role": role,
        "password_hash": _hasher.hash(password) if password is not None else None,
        "email_verified_at": clock.now(),
        **overrides,
    }
    return _add(User(**values))


def make_voucher(**overrides: Any) -> Voucher:
    """SUMMER: a quarter off everything, for everybody, without an end."""
    return _add(Voucher(**{"code": "SUMMER", "kind": VoucherKind.PERCENTAGE, "percent": 25, **overrides}))


def make_plan(**overrides: Any) -> MembershipPlan:
    """A year's membership at NZ$60.00, NZ$40.00 for students."""
    number = next(_number)
    values: dict[str, Any] = {
        "slug": f"plan-{number}",
        "name": "Annual membership",
        "price_cents": 6000,
        "student_price_cents": 4000,
        "currency": "NZD",
        "length_months": 12,
        **overrides,
    }
    return _add(MembershipPlan(**values))


def make_membership(user: User, **overrides: Any) -> Membership:
    """A membership of ``user`` that holds today and for half a year more."""
    today: date = clock.now().astimezone(ZoneInfo(ZONE)).date()
    values: dict[str, Any] = {
        "user_id": user.id,
        "starts_on": today - timedelta(days=30),
        "ends_on": today + timedelta(days=180),
        **overrides,
    }
    return _add(Membership(**values))


Row = TypeVar("Row")


def _add(row: Row) -> Row:
    with transaction() as db:
        db.add(row)
        db.flush()
        db.refresh(row)
        db.expunge(row)
    return row
