"""One-time links of accounts: made inside the caller's transaction, stored only as a hash, good once and for a while.

``new_password_link`` is for whoever makes an account for somebody (a membership paid for, a person added by staff); the rest
is for the accounts services.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..models import AccountToken, User
from ..models.account_tokens import TokenPurpose
from ..models.columns import new_token

LINK = timedelta(hours=24)
"""How long a link that somebody asked for is good."""
INVITATION = timedelta(days=14)
"""How long a link that nobody asked for is good: it lies in a mailbox until it is noticed."""
STEP = timedelta(minutes=10)
"""How long a password that was right waits for its code."""
PATHS = {
    TokenPurpose.SIGN_UP: "/account/join",
    TokenPurpose.NEW_PASSWORD: "/account/new-password",
    TokenPurpose.CHANGE_EMAIL: "/account/new-address",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A token that is good now: what it was made for."""

    id: int
    user_id: int | None
    email: str


def new_password_link(db: Session, user_id: int, *, valid_for: timedelta = INVITATION) -> str:
    """An absolute address, good once, where this person can choose a password; using it confirms their address too.

    Call it inside the transaction that owes the mail it goes into. Raises LookupError when there is no such person.
    """
    email = db.execute(select(User.email).where(User.id == user_id)).scalar_one_or_none()
    if email is None:
        raise LookupError(f"no user {user_id}")
    return link(db, TokenPurpose.NEW_PASSWORD, email, user_id=user_id, valid_for=valid_for)


def link(db: Session, purpose: TokenPurpose, email: str, *, user_id: int | None = None, valid_for: timedelta = LINK) -> str:
    """The address of a new token, for a mail to ``email``."""
    return f"{current_settings().site_url}{PATHS[purpose]}/{issue(db, purpose, email, user_id=user_id, valid_for=valid_for)}"


def issue(db: Session, purpose: TokenPurpose, email: str, *, user_id: int | None = None, valid_for: timedelta) -> str:
    """A new token; what it is hashed to is stored, and what has run out is cleared away."""
    now, token = clock.now(), new_token()
    db.execute(delete(AccountToken).where(AccountToken.expires_at <= now))
    db.add(AccountToken(purpose=purpose, token_hash=fingerprint(token), user_id=user_id, email=email, expires_at=now + valid_for))
    db.flush()
    return token


def find(db: Session, purpose: TokenPurpose, token: str) -> Held | None:
    """What this token is good for now, or None. Inside a transaction it is locked until the end."""
    row = db.execute(
        select(AccountToken.id, AccountToken.user_id, AccountToken.email)
        .where(AccountToken.token_hash == fingerprint(token), AccountToken.purpose == purpose)
        .where(AccountToken.expires_at > clock.now())
        .with_for_update()
    ).one_or_none()
    return None if row is None else Held(row.id, row.user_id, row.email)


def use_up(db: Session, held: Held, purpose: TokenPurpose) -> None:
    """This token, and every other of its kind for the same address or person, is good no more."""
    whose = AccountToken.email == held.email if held.user_id is None else AccountToken.user_id == held.user_id
    db.execute(delete(AccountToken).where(AccountToken.purpose == purpose, whose))


def newest(db: Session, purpose: TokenPurpose, email: str) -> tuple[int, datetime | None]:
    """How many links of this kind lie in this mailbox, still good, and when the newest was made."""
    row = db.execute(
        select(func.count(), func.max(AccountToken.created_at))
        .where(AccountToken.email == email, AccountToken.purpose == purpose, AccountToken.expires_at > clock.now())
    ).one()  # fmt: skip
    return row[0], row[1]


def fingerprint(token: str) -> str:
    """What is stored of a token: it has 192 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()
