"""What the committee should know about a booking: who wrote it and when. Shown to staff only; the purge forgets it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id


class BookingNote(Base):
    __tablename__ = "booking_notes"

    id: Mapped[Id]
    registration_id: Mapped[int] = mapped_column(sa.ForeignKey("registrations.id"), index=True)
    actor: Mapped[str] = mapped_column(sa.String(120))
    text: Mapped[str] = mapped_column(sa.Text)
    once: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """The form's one-time key: two clicks leave one note."""
    created_at: Mapped[CreatedAt]
