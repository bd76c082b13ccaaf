"""Listings: a host's session on its way to being published, what was paid for that, and co-hosts.

Revision 0012. New tables only: what is in the others stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)
REVIEW = ("none", "waiting", "approved", "rejected")


def upgrade() -> None:
    review = sa.Enum(*REVIEW, name="review", native_enum=False, create_constraint=True, length=24)
    op.create_table(
        "listings",
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("review", review, nullable=False),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_listings_club_session_id_club_sessions")
        ),
        sa.PrimaryKeyConstraint("club_session_id", name=op.f("pk_listings")),
    )
    op.create_table(
        "listing_purchases",
        sa.Column("order_item_id", Id, autoincrement=False, nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("paid_at", Moment, nullable=True),
        sa.Column("amount_paid_cents", sa.Integer(), nullable=False),
        sa.Column("refunded_at", Moment, nullable=True),
        sa.CheckConstraint(
            "amount_paid_cents >= 0 AND (paid_at IS NOT NULL OR amount_paid_cents = 0)", name=op.f("ck_listing_purchases_paid")
        ),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["listings.club_session_id"], name=op.f("fk_listing_purchases_club_session_id_listings")
        ),
        sa.ForeignKeyConstraint(
            ["order_item_id"], ["order_items.id"], name=op.f("fk_listing_purchases_order_item_id_order_items")
        ),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_listing_purchases")),
        sa.UniqueConstraint("payment_intent_id", name="uq_listing_purchases_payment_intent_id"),
    )
    op.create_index(op.f("ix_listing_purchases_club_session_id"), "listing_purchases", ["club_session_id"])
    op.create_table(
        "host_roles",
        sa.Column("id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("club_session_id", Id, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("accepted_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_host_roles_email_lower_case")),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_host_roles_club_session_id_club_sessions")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_host_roles_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_roles")),
        sa.UniqueConstraint("club_session_id", "email", name="uq_host_roles_club_session_id_email"),
        sa.UniqueConstraint("token", name=op.f("uq_host_roles_token")),
    )
    op.create_index(op.f("ix_host_roles_user_id"), "host_roles", ["user_id"])


def downgrade() -> None:
    op.drop_table("host_roles")
    op.drop_table("listing_purchases")
    op.drop_table("listings")
