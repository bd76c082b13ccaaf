"""The inbox: each Stripe event received, once, with what became of it. Written by services.stripe_inbox in the same
transaction as the event's effects."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Json, Moment

_UNPROCESSED = sa.text("processed_at IS NULL")


class StripeEvent(Base):
    __tablename__ = "stripe_events"
    __table_args__ = (
        sa.Index("ix_stripe_events_created_at", "created_at"),
        sa.Index("ix_stripe_events_unprocessed", "created_at", sqlite_where=_UNPROCESSED, postgresql_where=_UNPROCESSED),
    )

    id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[CreatedAt]
    processed_at: Mapped[Moment | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often Stripe delivered it or we tried it; 0 for one that no webhook brought and that was fetched instead."""
    last_error: Mapped[str | None] = mapped_column(sa.Text)
