"""People who can sign in: members, hosts and staff. Read by sign-in, written by the accounts service."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import Role
from .columns import CreatedAt, Email, Id, Moment, new_token, status_column


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint("email = lower(email)", name="email_lower_case"),
        # Named as it was made: SQLite cannot rename a constraint without making the table, and all that refers to it, again.
        sa.UniqueConstraint("calendar_token", name="uq_users_sign_in_token"),
        sa.Index("ix_users_card_token", "card_token", unique=True),
    )

    id: Mapped[Id]
    email: Mapped[Email] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    email_verified_at: Mapped[Moment | None]
    is_student: Mapped[bool] = mapped_column(default=False)
    role: Mapped[Role] = mapped_column(status_column(Role, "role"), default=Role.NONE)
    calendar_token: Mapped[str] = mapped_column(sa.String(64), default=new_token)
    """The secret address of the person's calendar feed; changed to make an old address useless."""
    card_token: Mapped[str | None] = mapped_column(sa.String(64), default=new_token)
    """The secret address that the QR code on the membership card leads to; None once the account is deleted."""
    deleted_at: Mapped[Moment | None]
    """When the person deleted the account; nothing of theirs but this row and what refers to it is left."""
    created_at: Mapped[CreatedAt]
