"""An index for the sessions that are not over yet: what every visitor's list begins with.

Revision 0023. Nothing but an index: rows stay as they are, both ways.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_club_sessions_status_ends_at", "club_sessions", ["status", "ends_at"])


def downgrade() -> None:
    op.drop_index("ix_club_sessions_status_ends_at", table_name="club_sessions")
