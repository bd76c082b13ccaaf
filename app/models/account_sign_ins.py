"""Who is signed in where: one row a browser, found by the hash of what its cookie carries. Written by services.sign_ins."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Moment


class SignIn(Base):
    """Gone when the person signs out; useless after ``expires_at``."""

    __tablename__ = "sign_ins"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    device: Mapped[str] = mapped_column(sa.String(120))
    """The browser in a few words, so that its owner knows it again."""
    second_factor_at: Mapped[Moment | None]
    """When a code was last given in this browser."""
    expires_at: Mapped[Moment] = mapped_column(index=True)
    created_at: Mapped[CreatedAt]
