"""A new time or place that people are still to be told of. Written by services.changed_sessions: by the edit,
and by the worker.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Json, Moment


class SessionChange(Base):
    """Bookings with ids above ``told_up_to`` and not above ``up_to`` know the session only as it ``was``."""

    __tablename__ = "session_changes"
    __table_args__ = (
        sa.CheckConstraint("told_up_to <= up_to", name="told_up_to"),
        sa.Index(
            "ix_session_changes_not_told", "club_session_id",
            sqlite_where=sa.text("told_at IS NULL"), postgresql_where=sa.text("told_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"))
    was: Mapped[dict[str, Any]] = mapped_column(Json)
    """Time and place before, as the mails say it: starts_at, ends_at, time_zone, location."""
    told_up_to: Mapped[int] = mapped_column(sa.BigInteger)
    up_to: Mapped[int] = mapped_column(sa.BigInteger)
    told_at: Mapped[Moment | None]
    """When the last of them was owed the mail; null: the worker goes on."""
    created_at: Mapped[CreatedAt]
