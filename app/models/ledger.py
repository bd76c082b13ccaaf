"""The books: append-only double entry. Each row debits one account and credits another, so every group sums to zero by shape.

UPDATE and DELETE are refused by triggers that the migration makes; a mistake is corrected by another entry.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Currency, Id


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.CheckConstraint("amount_cents > 0", name="amount"),
        sa.CheckConstraint("debit_account <> credit_account", name="two_accounts"),
        sa.Index("ix_ledger_entries_created_at", "created_at"),
    )

    id: Mapped[Id]
    entry_key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    """What happened, named once: the same fact booked twice is refused."""
    debit_account: Mapped[str] = mapped_column(sa.String(80), index=True)
    credit_account: Mapped[str] = mapped_column(sa.String(80), index=True)
    amount_cents: Mapped[int]
    currency: Mapped[Currency]
    payment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("payments.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(sa.ForeignKey("refunds.id"), index=True)
    club_session_id: Mapped[int | None] = mapped_column(sa.ForeignKey("club_sessions.id"), index=True)
    created_at: Mapped[CreatedAt]
