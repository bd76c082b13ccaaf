"""What a bank holds back of a payment, or has taken back: it cannot go back to the person a second time.

Revision 0025. Filled from the books, which have known it all along.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

HELD = """
UPDATE payments SET disputed_cents = (
    SELECT SUM(CASE WHEN debit_account = 'disputes' THEN amount_cents ELSE -amount_cents END) FROM ledger_entries
    WHERE ledger_entries.payment_id = payments.id AND 'disputes' IN (debit_account, credit_account)
)
WHERE id IN (SELECT payment_id FROM ledger_entries WHERE 'disputes' IN (debit_account, credit_account))
"""


def upgrade() -> None:
    op.add_column("payments", sa.Column("disputed_cents", sa.Integer(), nullable=False, server_default="0"))
    op.execute(HELD)


def downgrade() -> None:
    op.drop_column("payments", "disputed_cents")
