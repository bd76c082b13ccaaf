"""Notices by WhatsApp about orders that are for no booking: a number with the consent on the order, and notices of it.

Revision 0021. New columns may be empty and are added in place; nobody refers to the notices, so that SQLite may make them again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("orders", sa.Column("whatsapp_number", sa.String(length=20), nullable=True))
    op.add_column("orders", sa.Column("whatsapp_agreed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("outgoing_notices") as table:
        table.alter_column("registration_id", existing_type=Id, nullable=True)
        table.add_column(sa.Column("order_id", Id, nullable=True))
        table.create_foreign_key(op.f("fk_outgoing_notices_order_id_orders"), "orders", ["order_id"], ["id"])
    op.create_index(op.f("ix_outgoing_notices_order_id"), "outgoing_notices", ["order_id"])


def downgrade() -> None:
    op.execute("DELETE FROM outgoing_notices WHERE registration_id IS NULL")
    op.drop_index(op.f("ix_outgoing_notices_order_id"), table_name="outgoing_notices")
    with op.batch_alter_table("outgoing_notices") as table:
        table.drop_constraint(op.f("fk_outgoing_notices_order_id_orders"), type_="foreignkey")
        table.drop_column("order_id")
        table.alter_column("registration_id", existing_type=Id, nullable=False)
    op.drop_column("orders", "whatsapp_agreed_at")
    op.drop_column("orders", "whatsapp_number")
