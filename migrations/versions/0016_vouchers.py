"""Codes that take something off a price, and the orders that used them.

Revision 0016. Two tables of their own; nothing that was there before is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = ("percentage", "amount", "free")
SCOPES = ("everything", "kind", "session")
ITEM_KINDS = ("registration", "membership", "listing", "product")


def _choice(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=24, name=op.f(f"ck_vouchers_{name}"))


def upgrade() -> None:
    op.create_table(
        "vouchers",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("kind", _choice(KINDS, "kind"), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("amount_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=True),
        sa.Column("scope", _choice(SCOPES, "scope"), nullable=False),
        sa.Column("item_kind", _choice(ITEM_KINDS, "item_kind"), nullable=True),
        sa.Column("club_session_id", Id, nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("members_only", sa.Boolean(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("max_uses_each", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("code = upper(code)", name=op.f("ck_vouchers_code_upper_case")),
        sa.CheckConstraint("uses >= 0 AND (max_uses IS NULL OR uses <= max_uses)", name=op.f("ck_vouchers_uses")),
        sa.CheckConstraint(
            "(max_uses IS NULL OR max_uses >= 1) AND (max_uses_each IS NULL OR max_uses_each >= 1)",
            name=op.f("ck_vouchers_limits"),
        ),
        sa.CheckConstraint(
            "(kind = 'percentage') = (percent IS NOT NULL) AND COALESCE(percent, 1) BETWEEN 1 AND 100",
            name=op.f("ck_vouchers_percent"),
        ),
        sa.CheckConstraint(
            "(kind = 'amount') = (amount_cents IS NOT NULL) AND (amount_cents IS NULL) = (currency IS NULL)"
            " AND COALESCE(amount_cents, 1) > 0",
            name=op.f("ck_vouchers_amount"),
        ),
        sa.CheckConstraint(
            "(scope = 'kind') = (item_kind IS NOT NULL) AND (scope = 'session') = (club_session_id IS NOT NULL)",
            name=op.f("ck_vouchers_scope_named"),
        ),
        sa.ForeignKeyConstraint(
            ["club_session_id"], ["club_sessions.id"], name=op.f("fk_vouchers_club_session_id_club_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("code", name=op.f("uq_vouchers_code")),
    )
    op.create_index(op.f("ix_vouchers_club_session_id"), "vouchers", ["club_session_id"])
    op.create_table(
        "voucher_uses",
        sa.Column("id", Id, nullable=False),
        sa.Column("voucher_id", Id, nullable=False),
        sa.Column("order_id", Id, nullable=False),
        sa.Column("saved_cents", sa.Integer(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("saved_cents > 0", name=op.f("ck_voucher_uses_saved")),
        sa.ForeignKeyConstraint(["voucher_id"], ["vouchers.id"], name=op.f("fk_voucher_uses_voucher_id_vouchers")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_voucher_uses_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_uses")),
        sa.UniqueConstraint("order_id", name=op.f("uq_voucher_uses_order_id")),
    )
    op.create_index(op.f("ix_voucher_uses_voucher_id"), "voucher_uses", ["voucher_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_voucher_uses_voucher_id"), table_name="voucher_uses")
    op.drop_table("voucher_uses")
    op.drop_index(op.f("ix_vouchers_club_session_id"), table_name="vouchers")
    op.drop_table("vouchers")
