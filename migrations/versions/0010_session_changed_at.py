"""When time or place of a session last changed for the people in it: whoever booked before may cancel for a full refund.

Revision 0010. The column may be empty, and is added in place.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("club_sessions", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("club_sessions", "changed_at")
