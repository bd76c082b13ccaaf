"""Changes of time or place that are still to be told, so that an edit need not tell everybody itself.

Revision 0015. A table of its own. Going down forgets who was not told yet: let the worker finish first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NOT_TOLD = sa.text("told_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "session_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("was", Json, nullable=False),
        sa.Column("told_up_to", sa.BigInteger(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("told_up_to <= up_to", name=op.f("ck_session_changes_told_up_to")),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_session_changes_club_session_id_club_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_changes")),
    )
    op.create_index(
        "ix_session_changes_not_told", "session_changes", ["club_session_id"],
        sqlite_where=NOT_TOLD, postgresql_where=NOT_TOLD,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_session_changes_not_told", table_name="session_changes")
    op.drop_table("session_changes")
