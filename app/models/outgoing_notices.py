"""WhatsApp notices owed beside the mails: written in the transaction that causes them, sent afterwards by services.notices."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Json, Moment

_OWED = sa.text("sent_at IS NULL AND failed_at IS NULL")
_FAILED = sa.text("failed_at IS NOT NULL")


class OutgoingNotice(Base):
    """``context`` freezes what the notice says. It holds no number: that is the booking's or the order's, with the consent."""

    __tablename__ = "outgoing_notices"
    __table_args__ = (
        sa.Index("ix_outgoing_notices_due", "next_attempt_at", sqlite_where=_OWED, postgresql_where=_OWED),
        sa.Index("ix_outgoing_notices_failed", "failed_at", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )

    id: Mapped[Id]
    dedupe_key: Mapped[str] = mapped_column(sa.String(160), unique=True)
    registration_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registrations.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    """The order that it is about instead, when that is for no booking."""
    kind: Mapped[str] = mapped_column(sa.String(60))
    context: Mapped[dict[str, Any]] = mapped_column(Json)
    parameters: Mapped[list[str] | None] = mapped_column(Json)
    """What is filled into the approved template, written down before the first try; null before that."""
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[CreatedAt]
