"""An index of those who want their money back once somebody takes their place: every booking of their session looks for them.

Revision 0026. Nothing but an index: rows stay as they are, both ways.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

WANTED = sa.text("replacement_wanted_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_registrations_replacement_wanted", "registrations", ["club_session_id"], sqlite_where=WANTED, postgresql_where=WANTED
    )


def downgrade() -> None:
    op.drop_index("ix_registrations_replacement_wanted", table_name="registrations")
