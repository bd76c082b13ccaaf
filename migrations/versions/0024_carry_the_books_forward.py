"""The books carried forward month by month, and indexes of accounts by time and of what failed: no page grows with the past.

Revision 0024. The sums are made anew by the worker from the entries, so nothing is lost by going back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FAILED = sa.text("failed_at IS NOT NULL")
OUTBOXES = ("outgoing_emails", "outgoing_notices")
ACCOUNTS = ("debit_account", "credit_account")


def upgrade() -> None:
    op.create_table(
        "ledger_balances",
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("debit_account", sa.String(80), nullable=False),
        sa.Column("credit_account", sa.String(80), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("of_refund", sa.Boolean(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("until_at", *ACCOUNTS, "currency", "of_refund", name="pk_ledger_balances"),
    )
    for account in ACCOUNTS:
        op.drop_index(f"ix_ledger_entries_{account}", table_name="ledger_entries")
        op.create_index(f"ix_ledger_entries_{account}", "ledger_entries", [account, "created_at"])
    for outbox in OUTBOXES:
        name = f"ix_{outbox}_failed"
        op.create_index(name, outbox, ["failed_at"], sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    for outbox in OUTBOXES:
        op.drop_index(f"ix_{outbox}_failed", table_name=outbox)
    for account in ACCOUNTS:
        op.drop_index(f"ix_ledger_entries_{account}", table_name="ledger_entries")
        op.create_index(f"ix_ledger_entries_{account}", "ledger_entries", [account])
    op.drop_table("ledger_balances")
