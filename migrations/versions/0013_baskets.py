"""Baskets: what somebody means to buy, line by line, with the order that it was checked out as.

Revision 0013. Two new tables; going down forgets what was meant to be bought, and no order.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
KINDS = ("registration", "membership", "listing", "product")


def upgrade() -> None:
    op.create_table(
        "baskets",
        sa.Column("id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("order_id", Id, nullable=True),
        sa.Column("used_at", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_baskets_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_baskets")),
        sa.UniqueConstraint("token", name=op.f("uq_baskets_token")),
    )
    op.create_index("ix_baskets_used_at", "baskets", ["used_at"])
    op.create_table(
        "basket_items",
        sa.Column("id", Id, nullable=False),
        sa.Column("basket_id", Id, nullable=False),
        sa.Column("kind", sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=24), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("order_id", Id, nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_basket_items_quantity")),
        sa.ForeignKeyConstraint(
            ["basket_id"], ["baskets.id"], name=op.f("fk_basket_items_basket_id_baskets"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_basket_items_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_basket_items")),
        sa.UniqueConstraint("basket_id", "kind", "slug", name=op.f("uq_basket_items_basket_id_kind_slug")),
    )
    op.create_index(op.f("ix_basket_items_order_id"), "basket_items", ["order_id"])


def downgrade() -> None:
    op.drop_table("basket_items")
    op.drop_table("baskets")
