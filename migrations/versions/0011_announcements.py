"""What staff wrote to the people of a session.

Revision 0011. A table of its own; nothing that was there before is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", Id, nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("groups", Json, nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("once", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("recipients >= 1", name=op.f("ck_announcements_recipients")),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_announcements_club_session_id_club_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("once", name=op.f("uq_announcements_once")),
    )
    op.create_index(op.f("ix_announcements_club_session_id"), "announcements", ["club_session_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_announcements_club_session_id"), table_name="announcements")
    op.drop_table("announcements")
