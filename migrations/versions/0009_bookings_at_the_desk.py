"""What the desk changes about a booking: differences still owed, places added for them, notes.

Revision 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Not in a batch: SQLite would make the tables again and refuse while others refer to them.
    op.add_column("registrations", sa.Column("owed_cents", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("order_items", sa.Column("added_places", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "booking_notes",
        sa.Column("id", Id, nullable=False),
        sa.Column("registration_id", Id, nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("once", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_booking_notes_registration_id_registrations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_notes")),
        sa.UniqueConstraint("once", name=op.f("uq_booking_notes_once")),
    )
    op.create_index(op.f("ix_booking_notes_registration_id"), "booking_notes", ["registration_id"])


def downgrade() -> None:
    op.drop_table("booking_notes")
    op.drop_column("order_items", "added_places")
    op.drop_column("registrations", "owed_cents")
