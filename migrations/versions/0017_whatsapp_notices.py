"""Notices by WhatsApp: those owed, and the number with the consent on the booking.

Revision 0017. Both columns may be empty, and are added in place.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OWED = sa.text("sent_at IS NULL AND failed_at IS NULL")


def upgrade() -> None:
    # Not in a batch: SQLite would make the table again and refuse while others refer to it.
    op.add_column("registrations", sa.Column("whatsapp_number", sa.String(length=20), nullable=True))
    op.add_column("registrations", sa.Column("whatsapp_agreed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "outgoing_notices",
        sa.Column("id", Id, nullable=False),
        sa.Column("dedupe_key", sa.String(length=160), nullable=False),
        sa.Column("registration_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("context", Json, nullable=False),
        sa.Column("parameters", Json, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registrations.id"], name=op.f("fk_outgoing_notices_registration_id_registrations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_notices")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outgoing_notices_dedupe_key")),
    )
    op.create_index(op.f("ix_outgoing_notices_registration_id"), "outgoing_notices", ["registration_id"])
    op.create_index(
        "ix_outgoing_notices_due", "outgoing_notices", ["next_attempt_at"], sqlite_where=OWED, postgresql_where=OWED
    )


def downgrade() -> None:
    op.drop_table("outgoing_notices")
    op.drop_column("registrations", "whatsapp_agreed_at")
    op.drop_column("registrations", "whatsapp_number")
