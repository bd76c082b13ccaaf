"""An index for the newest bookings of all sessions, and for turning their pages.

Revision 0022. Nothing but an index: rows stay as they are, both ways.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_registrations_created_at", "registrations", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_registrations_created_at", table_name="registrations")
