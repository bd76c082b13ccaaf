"""Codes as a second proof of who somebody is: the phone's secret, and codes on paper. Written by services.two_factor."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Moment


class SecondFactor(Base):
    """One person's authenticator app; not in force until ``switched_on_at``."""

    __tablename__ = "second_factors"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), unique=True)
    secret: Mapped[str] = mapped_column(sa.String(64))
    switched_on_at: Mapped[Moment | None]
    last_step: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    """The 30-second step of the newest code taken: none is taken twice."""
    tries: Mapped[int] = mapped_column(default=0)
    """Wrong codes since ``tries_from``."""
    tries_from: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]


class RecoveryCode(Base):
    """A code on paper, good once; only its hash is kept."""

    __tablename__ = "recovery_codes"
    __table_args__ = (sa.UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    code_hash: Mapped[str] = mapped_column(sa.String(64))
    used_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]
