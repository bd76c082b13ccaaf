"""What staff wrote to the people of one club session: the words, and to whom. Its mails are in the outbox, one a registration."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Json


class Announcement(Base):
    __tablename__ = "announcements"
    __table_args__ = (sa.CheckConstraint("recipients >= 1", name="recipients"),)

    id: Mapped[Id]
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"), index=True)
    groups: Mapped[list[str]] = mapped_column(Json)
    """Values of rules.announcements.Group: who was meant."""
    subject: Mapped[str] = mapped_column(sa.String(200))
    text: Mapped[str] = mapped_column(sa.Text)
    recipients: Mapped[int]
    """To how many registrations it was owed, the moment it was sent."""
    actor: Mapped[str] = mapped_column(sa.String(120))
    once: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """The form's one-time key: pressing its button twice sends once."""
    created_at: Mapped[CreatedAt]
