"""Early and student prices, what a membership's line of an order is for, and the lines that an item is made of.

Revision 0002. Every column is added in place and may be empty, so that what is in the tables stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    # Not in a batch: SQLite would make the tables again and refuse while others refer to them.
    op.add_column("club_sessions", sa.Column("student_price_cents", sa.Integer(), nullable=True))
    op.add_column("club_sessions", sa.Column("early_price_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("club_sessions", sa.Column("early_member_price_cents", sa.Integer(), nullable=True))
    op.add_column("club_sessions", sa.Column("early_non_member_price_cents", sa.Integer(), nullable=True))
    op.add_column("order_items", sa.Column("lines", Json, nullable=True))
    op.add_column("memberships", sa.Column("reminded_days", sa.Integer(), nullable=True))
    op.create_table(
        "membership_purchases",
        sa.Column("order_item_id", Id, autoincrement=False, nullable=False),
        sa.Column("plan_id", Id, nullable=False),
        sa.Column("is_student", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_item_id"], ["order_items.id"], name=op.f("fk_membership_purchases_order_item_id_order_items")
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["membership_plans.id"], name=op.f("fk_membership_purchases_plan_id_membership_plans")
        ),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_membership_purchases")),
    )


def downgrade() -> None:
    op.drop_table("membership_purchases")
    op.drop_column("memberships", "reminded_days")
    op.drop_column("order_items", "lines")
    op.drop_column("club_sessions", "early_non_member_price_cents")
    op.drop_column("club_sessions", "early_member_price_cents")
    op.drop_column("club_sessions", "early_price_until")
    op.drop_column("club_sessions", "student_price_cents")
