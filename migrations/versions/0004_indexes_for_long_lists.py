"""Indexes for what a club of fifty thousand past bookings lists and looks up: by day, by action and actor, by refund.

Revision 0004. Nothing but indexes: rows stay as they are, both ways.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_orders_created_at": ("orders", ["created_at"]),
    "ix_payments_paid_at": ("payments", ["paid_at"]),
    "ix_refunds_created_at": ("refunds", ["created_at"]),
    "ix_refunds_order_item_id": ("refunds", ["order_item_id"]),
    "ix_ledger_entries_created_at": ("ledger_entries", ["created_at"]),
    "ix_ledger_entries_refund_id": ("ledger_entries", ["refund_id"]),
    "ix_audit_entries_action": ("audit_entries", ["action", "id"]),
    "ix_audit_entries_actor": ("audit_entries", ["actor", "id"]),
    "ix_stripe_events_created_at": ("stripe_events", ["created_at"]),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _columns) in INDEXES.items():
        op.drop_index(name, table_name=table)
