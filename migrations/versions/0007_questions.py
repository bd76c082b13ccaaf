"""Questions of a session's own. What was answered is in ``registrations.answers``, which is there already.

Revision 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("id", Id, nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Enum("text", "choice", "tick", name="kind", native_enum=False, create_constraint=True, length=24),
                  nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("hint", sa.String(length=300), nullable=False),
        sa.Column("choices", Json, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_questions_club_session_id_club_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("club_session_id", "key", name="uq_questions_club_session_id_key"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("questions")
