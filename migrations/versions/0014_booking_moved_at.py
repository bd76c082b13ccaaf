"""When a booking was moved to the session it is in: what was agreed to is that session as it was then.

Revision 0014. The record says when those were moved that were moved before; the column is added in place.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("registrations", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE registrations SET moved_at = (SELECT max(created_at) FROM audit_entries"
        " WHERE subject_kind = 'registration' AND action = 'moved' AND subject_id = registrations.id)"
        " WHERE id IN (SELECT subject_id FROM audit_entries WHERE subject_kind = 'registration' AND action = 'moved')"
    )


def downgrade() -> None:
    op.drop_column("registrations", "moved_at")
