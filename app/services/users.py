"""People who can sign in: adds them and checks their password.

Called by `flask create-user`, the accounts services, whoever makes an account for a buyer, and the sample data.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..models import User
from ..models.columns import new_token
from ..rules.addresses import normalise_email
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import Role
from ..transaction import retried, transaction
from . import audit
from .writes import insert_once

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
"""Argon2 reads all of it: without a limit a long one would be a way to keep the server busy."""
_hasher = PasswordHash.recommended()


@dataclass(frozen=True, slots=True)
class Person:
    """Whose password it was."""

    id: int
    name: str
    email: str
    role: Role


def create_user(email: str, name: str, role: Role, password: str, *, actor: str = audit.COMMAND) -> int:
    """Add somebody who can sign in, and return the id. Raises InvalidInput for what cannot be used or is taken."""
    hashed = hash_password(password)  # slow on purpose: not while a transaction is open
    return _insert(email, name, role, hashed, actor)


@retried
def _insert(email: str, name: str, role: Role, password_hash: str, actor: str) -> int:
    with transaction() as db:
        return add_user(db, email, name, role, password_hash, actor)


def add_user(db: Session, email: str, name: str, role: Role, password_hash: str, actor: str) -> int:
    """The same inside the caller's transaction, with a password hashed before it."""
    # Whoever may add people vouches for the address.
    return _add(db, email, name, role, actor, password_hash=password_hash, email_verified_at=clock.now())


def add_without_password(db: Session, email: str, name: str, actor: str, *, confirmed: bool = False) -> int:
    """Add somebody who has no password (yet), inside the caller's transaction, and return the id.

    Not ``confirmed``: the address is proved when they use the link of `account_tokens.new_password_link`, and until then
    nothing booked under it is theirs. Raises InvalidInput for what cannot be used or is taken.
    """
    return _add(db, email, name, Role.NONE, actor, email_verified_at=clock.now() if confirmed else None)


def _add(db: Session, email: str, name: str, role: Role, actor: str, **values: Any) -> int:
    address = normalise_email(email)
    if address is None:
        raise InvalidInput("email", words("Enter an e-mail address like name@example.com."))
    values |= {"email": address, "name": usable_name(name), "role": role}
    values |= {"calendar_token": new_token(), "card_token": new_token()}
    if not insert_once(db, User, User.email, **values):
        raise InvalidInput("email", words("There is already somebody with this e-mail address."))
    user_id = int(db.execute(select(User.id).where(User.email == address)).scalar_one())
    audit.record(db, actor, "user_created", "user", user_id, role=role)
    return user_id


def usable_name(name: str) -> str:
    """The name as stored; raises InvalidInput when there is none, or too much of it."""
    if not name.strip() or len(name.strip()) > 200:
        raise InvalidInput("name", words("Enter a name of up to 200 characters."))
    return name.strip()


def authenticate(email: str | None, password: str | None) -> Person | None:
    """The person with this address and password, or None. Takes as long for an unknown address as for a wrong password."""
    spare = _hash_of_nothing()
    row = flask_db.session.execute(select(User).where(User.email == (email or "").strip().lower())).scalar_one_or_none()
    known = row.password_hash if row is not None and row.password_hash else None
    fits, better_hash = _hasher.verify_and_update(_plain(password or ""), known or spare)
    if not fits or row is None or known is None:
        return None
    if better_hash is not None:
        _rehash(row.id, known, better_hash)
    return Person(row.id, row.name, row.email, row.role)


def has_password(user_id: int, password: str) -> bool:
    """Whether this is the password of somebody known by id; False when they have none."""
    known = flask_db.session.execute(select(User.password_hash).where(User.id == user_id)).scalar_one_or_none()
    return _hasher.verify(_plain(password), known or _hash_of_nothing()) and known is not None


def hash_password(password: str) -> str:
    """The stored form of a password; raises InvalidInput when it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput("password", words("Choose a password of 10 to 200 characters."))
    return _hasher.hash(_plain(password))


@retried
def _rehash(user_id: int, old_hash: str, better_hash: str) -> None:
    """Keep up with what is safe today; a password changed meanwhile stays."""
    with transaction() as db:
        db.execute(update(User).where(User.id == user_id, User.password_hash == old_hash).values(password_hash=better_hash))


@cache
def _hash_of_nothing() -> str:
    """What an unknown person's password is compared with. Made before either case is known, so its cost tells nothing."""
    return _hasher.hash(new_token())


def _plain(password: str) -> str:
    """The same letters typed on another keyboard are the same password; never longer than what may be set."""
    return unicodedata.normalize("NFKC", password[:LONGEST_PASSWORD])
