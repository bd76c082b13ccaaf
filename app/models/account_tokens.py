"""One-time links and steps of accounts: only the hash of what was sent is kept. Written by services.account_tokens."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Email, Id, Moment, status_column


class TokenPurpose(StrEnum):
    """What holding the token allows."""

    SIGN_UP = "sign_up"
    """Make an account with this address."""
    NEW_PASSWORD = "new_password"  # noqa: S105 - the name of a purpose
    """Choose a password for an account, which also confirms its address."""
    CHANGE_EMAIL = "change_email"
    """Make this the account's address."""
    SECOND_STEP = "second_step"
    """The password was right; a code is still asked for."""


class AccountToken(Base):
    """Gone once it has been used; useless after ``expires_at``."""

    __tablename__ = "account_tokens"
    __table_args__ = (sa.Index("ix_account_tokens_email_purpose", "email", "purpose"),)

    id: Mapped[Id]
    purpose: Mapped[TokenPurpose] = mapped_column(status_column(TokenPurpose, "purpose"))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), index=True)
    """Whose account it is about; None when it is to be made."""
    email: Mapped[Email]
    """The address it was sent to: it proves that one and no other."""
    expires_at: Mapped[Moment] = mapped_column(index=True)
    created_at: Mapped[CreatedAt]
