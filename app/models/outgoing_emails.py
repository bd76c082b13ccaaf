"""The outbox: every e-mail owed, written in the transaction that causes it and sent afterwards by services.outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Email, Id, Json, Moment

_OWED = sa.text("sent_at IS NULL AND failed_at IS NULL")
_FAILED = sa.text("failed_at IS NOT NULL")


class OutgoingEmail(Base):
    """``context`` freezes what the mail says; subject and bodies are filled in from it before the first try."""

    __tablename__ = "outgoing_emails"
    __table_args__ = (
        sa.Index("ix_outgoing_emails_due", "next_attempt_at", sqlite_where=_OWED, postgresql_where=_OWED),
        sa.Index("ix_outgoing_emails_failed", "failed_at", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )

    id: Mapped[Id]
    dedupe_key: Mapped[str] = mapped_column(sa.String(160), unique=True)
    to: Mapped[Email]
    template: Mapped[str] = mapped_column(sa.String(60))
    context: Mapped[dict[str, Any]] = mapped_column(Json)
    subject: Mapped[str | None] = mapped_column(sa.String(300))
    text_body: Mapped[str | None] = mapped_column(sa.Text)
    html_body: Mapped[str | None] = mapped_column(sa.Text)
    attachments: Mapped[list[dict[str, str]]] = mapped_column(Json, default=list)
    """Each ``{name, type, content}``, content as text."""
    message_id: Mapped[str] = mapped_column(sa.String(200), unique=True)
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[CreatedAt]
