"""The books: append-only double entry. Each row debits one account and credits another, so every group sums to zero by shape.

UPDATE and DELETE are refused by triggers that the migration makes; a mistake is corrected by another entry.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Currency, Id, Moment


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    __table_args__ = (
        sa.CheckConstraint("amount_cents > 0", name="amount"),
        sa.CheckConstraint("debit_account <> credit_account", name="two_accounts"),
        sa.Index("ix_ledger_entries_created_at", "created_at"),
        sa.Index("ix_ledger_entries_debit_account", "debit_account", "created_at"),
        sa.Index("ix_ledger_entries_credit_account", "credit_account", "created_at"),
    )

    id: Mapped[Id]
    entry_key: Mapped[str] = mapped_column(sa.String(120), unique=True)
    """What happened, named once: the same fact booked twice is refused."""
    debit_account: Mapped[str] = mapped_column(sa.String(80))
    credit_account: Mapped[str] = mapped_column(sa.String(80))
    amount_cents: Mapped[int]
    currency: Mapped[Currency]
    payment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("payments.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(sa.ForeignKey("refunds.id"), index=True)
    club_session_id: Mapped[int | None] = mapped_column(sa.ForeignKey("club_sessions.id"), index=True)
    created_at: Mapped[CreatedAt]


class LedgerBalance(Base):
    """What all entries before ``until_at`` add up to, by what they moved from where to where. Only sums, never the truth."""

    __tablename__ = "ledger_balances"

    until_at: Mapped[Moment] = mapped_column(primary_key=True)
    debit_account: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    credit_account: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    currency: Mapped[Currency] = mapped_column(primary_key=True)
    of_refund: Mapped[bool] = mapped_column(primary_key=True)
    amount_cents: Mapped[int] = mapped_column(sa.BigInteger)
