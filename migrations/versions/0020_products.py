"""Products: courses and files for sale, their pages and files, and who bought them.

Revision 0020. New tables only: what is in the others stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    _products()
    op.create_table(
        "course_pages",
        sa.Column("id", Id, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_course_pages_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_pages")),
    )
    op.create_index("ix_course_pages_product_id_position", "course_pages", ["product_id", "position"])
    _files()
    _purchases()


def _products() -> None:
    kind = sa.Enum("file", "course", name="kind", native_enum=False, create_constraint=True, length=24)
    status = sa.Enum("draft", "published", name="status", native_enum=False, create_constraint=True, length=24)
    op.create_table(
        "products",
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("member_price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("stock_taken", sa.Integer(), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint(
            "price_cents >= 0 AND (member_price_cents IS NULL OR member_price_cents >= 0)", name=op.f("ck_products_prices")
        ),
        sa.CheckConstraint("stock_taken >= 0 AND (stock IS NULL OR stock_taken <= stock)", name=op.f("ck_products_stock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("slug", name=op.f("uq_products_slug")),
    )


def _files() -> None:
    op.create_table(
        "product_files",
        sa.Column("id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("course_page_id", Id, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_name", sa.String(length=64), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("size_bytes > 0 AND downloads >= 0", name=op.f("ck_product_files_numbers")),
        sa.ForeignKeyConstraint(
            ["course_page_id"], ["course_pages.id"], name=op.f("fk_product_files_course_page_id_course_pages")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_product_files_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_files")),
        sa.UniqueConstraint("stored_name", name=op.f("uq_product_files_stored_name")),
        sa.UniqueConstraint("token", name=op.f("uq_product_files_token")),
    )
    op.create_index(op.f("ix_product_files_course_page_id"), "product_files", ["course_page_id"])
    op.create_index(op.f("ix_product_files_product_id"), "product_files", ["product_id"])


def _purchases() -> None:
    op.create_table(
        "product_purchases",
        sa.Column("order_item_id", Id, autoincrement=False, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("granted_at", Moment, nullable=True),
        sa.Column("revoked_at", Moment, nullable=True),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("last_download_at", Moment, nullable=True),
        sa.CheckConstraint(
            "(revoked_at IS NULL OR granted_at IS NOT NULL) AND downloads >= 0", name=op.f("ck_product_purchases_access")
        ),
        sa.CheckConstraint(
            "kept OR granted_at IS NULL OR revoked_at IS NOT NULL", name=op.f("ck_product_purchases_kept_while_had")
        ),
        sa.ForeignKeyConstraint(
            ["order_item_id"], ["order_items.id"], name=op.f("fk_product_purchases_order_item_id_order_items")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_product_purchases_product_id_products")),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_product_purchases")),
        sa.UniqueConstraint("token", name=op.f("uq_product_purchases_token")),
    )
    op.create_index(op.f("ix_product_purchases_product_id"), "product_purchases", ["product_id"])


def downgrade() -> None:
    op.drop_table("product_purchases")
    op.drop_table("product_files")
    op.drop_table("course_pages")
    op.drop_table("products")
