"""People who can sign in: members, hosts and staff. Read by sign-in, written by the accounts service."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import Role
from .columns import CreatedAt, Email, Id, Moment, Token, status_column


class User(Base):
    __tablename__ = "users"
    __table_args__ = (sa.CheckConstraint("email = lower(email)", name="email_lower_case"),)

    id: Mapped[Id]
    email: Mapped[Email] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    email_verified_at: Mapped[Moment | None]
    is_student: Mapped[bool] = mapped_column(default=False)
    role: Mapped[Role] = mapped_column(status_column(Role, "role"), default=Role.NONE)
    sign_in_token: Mapped[Token]
    """What the cookie carries instead of an id; changed to sign every device out."""
    created_at: Mapped[CreatedAt]
