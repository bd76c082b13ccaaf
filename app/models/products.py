"""Courses and files that the club sells: what they hold, and who bought them. ``stock_taken`` has one writer: services.stock."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import ProductKind, ProductStatus
from .columns import CreatedAt, Currency, Id, Moment, Token, status_column


class Product(Base):
    """One for sale. Never deleted: receipts name it."""

    __tablename__ = "products"
    __table_args__ = (
        sa.CheckConstraint("price_cents >= 0 AND (member_price_cents IS NULL OR member_price_cents >= 0)", name="prices"),
        sa.CheckConstraint("stock_taken >= 0 AND (stock IS NULL OR stock_taken <= stock)", name="stock"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    kind: Mapped[ProductKind] = mapped_column(status_column(ProductKind, "kind"))
    title: Mapped[str] = mapped_column(sa.String(200))
    summary: Mapped[str] = mapped_column(sa.String(300), default="")
    description: Mapped[str] = mapped_column(sa.Text, default="")
    """Markdown."""
    price_cents: Mapped[int]
    member_price_cents: Mapped[int | None]
    currency: Mapped[Currency]
    stock: Mapped[int | None]
    """How many may have it; null: as many as like."""
    stock_taken: Mapped[int] = mapped_column(default=0)
    """Who has it or is paying for it: Σ product_purchases that are kept."""
    status: Mapped[ProductStatus] = mapped_column(status_column(ProductStatus), default=ProductStatus.DRAFT)
    created_at: Mapped[CreatedAt]


class CoursePage(Base):
    __tablename__ = "course_pages"
    __table_args__ = (sa.Index("ix_course_pages_product_id_position", "product_id", "position"),)

    id: Mapped[Id]
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"))
    position: Mapped[int]
    title: Mapped[str] = mapped_column(sa.String(200))
    body: Mapped[str] = mapped_column(sa.Text, default="")
    """Markdown."""
    created_at: Mapped[CreatedAt]


class ProductFile(Base):
    """A file to download: of the product, or of one page of a course. Its bytes are in FILES_DIR, under ``stored_name``."""

    __tablename__ = "product_files"
    __table_args__ = (sa.CheckConstraint("size_bytes > 0 AND downloads >= 0", name="numbers"),)

    id: Mapped[Id]
    token: Mapped[Token]
    """Its name in addresses, after the secret link of whoever bought it."""
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), index=True)
    course_page_id: Mapped[int | None] = mapped_column(sa.ForeignKey("course_pages.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    """What it is called when it is downloaded."""
    content_type: Mapped[str] = mapped_column(sa.String(100))
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    stored_name: Mapped[str] = mapped_column(sa.String(64), unique=True)
    downloads: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[CreatedAt]


class ProductPurchase(Base):
    """What an item of the kind ``product`` is for. ``granted_at`` without ``revoked_at``: whoever has the link may open it."""

    __tablename__ = "product_purchases"
    __table_args__ = (
        sa.CheckConstraint("(revoked_at IS NULL OR granted_at IS NOT NULL) AND downloads >= 0", name="access"),
        sa.CheckConstraint("kept OR granted_at IS NULL OR revoked_at IS NOT NULL", name="kept_while_had"),
    )

    order_item_id: Mapped[int] = mapped_column(sa.ForeignKey("order_items.id"), primary_key=True, autoincrement=False)
    product_id: Mapped[int] = mapped_column(sa.ForeignKey("products.id"), index=True)
    token: Mapped[Token]
    kept: Mapped[bool]
    """Counted in ``products.stock_taken``: it is had, or being paid for."""
    granted_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    downloads: Mapped[int] = mapped_column(default=0)
    last_download_at: Mapped[Moment | None]
