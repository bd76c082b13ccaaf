"""Accounts that come about by buying: the person is known by the address they paid with, and proves it later by its mail.

Called when a membership is fulfilled, and by the letter that tells them. Signing up and signing in are the accounts services'.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import User
from . import account_tokens, audit
from .writes import insert_once


def account_for_buyer(db: Session, email: str, name: str) -> tuple[int, bool]:
    """The account of this address and whether it was made just now, without a password and not confirmed.

    Inside the caller's transaction, so that nothing is left of it when that comes to nothing.
    """
    is_new = insert_once(db, User, User.email, email=email, name=name)
    user_id = find(db, email)
    if user_id is None:
        raise AssertionError("an account that was just inserted is gone")
    if is_new:
        audit.record(db, audit.STRIPE, "user_created", "user", user_id, by="purchase")
    return user_id, is_new


def find(db: Session, email: str) -> int | None:
    """The account of this address, if there is one."""
    return db.execute(select(User.id).where(User.email == email)).scalar_one_or_none()


def lock(db: Session, user_id: int) -> None:
    """Hold the person's row until the transaction ends: two purchases for one person are dealt with one after the other."""
    db.execute(select(User.id).where(User.id == user_id).with_for_update())


def password_link_if_new(db: Session, user_id: int) -> str | None:
    """An address where somebody who never proved their own can choose a password; None for whoever has done so."""
    row = db.execute(select(User.password_hash, User.email_verified_at).where(User.id == user_id)).one()
    if row.password_hash is not None or row.email_verified_at is not None:
        return None
    return account_tokens.new_password_link(db, user_id)
