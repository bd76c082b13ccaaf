"""Comparisons of the books with Stripe's that somebody asked for: wanted, under way, and how they went.

Revision 0006. A new table; going down forgets who asked, and no comparison.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
OUTCOMES = ("equal", "different", "unreachable", "failed")


def upgrade() -> None:
    op.create_table(
        "comparison_requests",
        sa.Column("id", Id, nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("claimed_at", Moment, nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.Column(
            "outcome", sa.Enum(*OUTCOMES, name="outcome", native_enum=False, create_constraint=True, length=24), nullable=True
        ),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison_requests")),
    )


def downgrade() -> None:
    op.drop_table("comparison_requests")
