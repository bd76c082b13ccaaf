"""Who is signed in where. The cookie carries an opaque token, its hash is a row, and signing out ends the row.

Called by the loader of the signed-in person, the account's pages, and the services that change a password or an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import Order, Registration, SecondFactor, SignIn, User
from ..models.columns import new_token
from ..rules.statuses import Role
from ..transaction import retried, transaction
from . import audit
from .account_tokens import fingerprint
from .writes import changed

LASTS = timedelta(days=30)
"""How long a browser stays signed in; signing in again begins anew."""
FRESH = timedelta(minutes=15)
"""How long ago somebody may have signed in, or given a code, for what asks them to prove it again."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who somebody is once they have proved it; ``sign_in_token`` is what their cookie carries."""

    id: int
    name: str
    email: str
    role: Role
    sign_in_token: str
    sign_in_id: int
    has_password: bool
    has_second_factor: bool
    signed_in_at: datetime
    second_factor_at: datetime | None

    def is_fresh(self, now: datetime) -> bool:
        """Whether this person signed in a moment ago."""
        return now - self.signed_in_at <= FRESH

    def owes_code(self, now: datetime) -> bool:
        """Whether a code must be given before what is worth one: never for who has not switched codes on."""
        given = self.second_factor_at
        return self.has_second_factor and (given is None or now - given > FRESH)


@dataclass(frozen=True, slots=True)
class Device:
    """A browser somebody is signed in with."""

    id: int
    device: str
    since: datetime


def find(token: str) -> SignedIn | None:
    """Who this cookie belongs to, or None when it was ended, has run out or never was. One statement."""
    row = flask_db.session.execute(
        select(User.id, User.name, User.email, User.role, User.password_hash, SignIn.id.label("sign_in_id"), SignIn.created_at,
               SignIn.second_factor_at, SecondFactor.switched_on_at)
        .join(User, User.id == SignIn.user_id)
        .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
        .where(SignIn.token_hash == fingerprint(token), SignIn.expires_at > clock.now(), User.deleted_at.is_(None))
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return SignedIn(
        id=row.id, name=row.name, email=row.email, role=row.role, sign_in_token=token, sign_in_id=row.sign_in_id,
        has_password=row.password_hash is not None, has_second_factor=row.switched_on_at is not None,
        signed_in_at=row.created_at, second_factor_at=row.second_factor_at,
    )  # fmt: skip


def add(
    db: Session, user_id: int, device: str, *, replaces: str | None = None, second_factor_at: datetime | None = None
) -> str:
    """Sign this person in, inside the caller's transaction; returns what the cookie is to carry.

    ``replaces`` is what it carried before, which ends. Bookings made as a guest under the confirmed address become theirs.
    """
    now, token = clock.now(), new_token()
    over = SignIn.expires_at <= now
    db.execute(delete(SignIn).where(over if replaces is None else over | (SignIn.token_hash == fingerprint(replaces))))
    made = SignIn(user_id=user_id, token_hash=fingerprint(token), device=device[:120], expires_at=now + LASTS)
    made.second_factor_at = second_factor_at
    db.add(made)
    db.flush()
    link_bookings(db, user_id)
    return token


@retried
def end(token: str) -> None:
    """Sign this browser out. Harmless when it was not signed in."""
    with transaction() as db:
        db.execute(delete(SignIn).where(SignIn.token_hash == fingerprint(token)))


@retried
def end_others(person: SignedIn) -> int:
    """Sign every other browser out; returns how many there were."""
    with transaction() as db:
        others = end_all(db, person.id, but=person.sign_in_id)
        audit.record(db, audit.by_user(person.id), "signed_out_elsewhere", "user", person.id, devices=others)
        return others


def end_all(db: Session, user_id: int, *, but: int | None = None) -> int:
    """Inside the caller's transaction: sign out every browser, but for the row ``but``; returns how many."""
    ended = SignIn.user_id == user_id if but is None else (SignIn.user_id == user_id) & (SignIn.id != but)
    count = db.execute(select(func.count()).select_from(SignIn).where(ended)).scalar_one()
    db.execute(delete(SignIn).where(ended))
    return count


def devices(user_id: int) -> list[Device]:
    """Where this person is signed in now, the newest first."""
    rows = flask_db.session.execute(
        select(SignIn.id, SignIn.device, SignIn.created_at)
        .where(SignIn.user_id == user_id, SignIn.expires_at > clock.now())
        .order_by(SignIn.created_at.desc(), SignIn.id.desc())
    )  # fmt: skip
    return [Device(row.id, row.device, row.created_at) for row in rows]


def link_bookings(db: Session, user_id: int) -> None:
    """Make the bookings of a guest theirs whose confirmed address they were made under; nothing for an unconfirmed one."""
    address = db.execute(select(User.email).where(User.id == user_id, User.email_verified_at.is_not(None))).scalar_one_or_none()
    if address is None:
        return
    changed(db, update(Registration).where(Registration.email == address, Registration.user_id.is_(None)).values(user_id=user_id))
    changed(db, update(Order).where(Order.email == address, Order.user_id.is_(None)).values(user_id=user_id))
