"""Courses and files for the desk: all of them, one with what is in it, and who bought it. Called by the admin blueprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, select

from ..extensions import db
from ..models import CoursePage, Order, OrderItem, Payment, Product, ProductFile, ProductPurchase, Refund
from ..rules.refunds import refundable_cents
from ..rules.statuses import PaymentStatus, ProductKind, ProductStatus, RefundStatus
from .desk import Page, rows_of_page

_B, _F, _P = ProductPurchase, ProductFile, Product
MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product as the desk sees it. ``had``: how many people have it; ``paying``: how many are paying for it now."""

    id: int
    slug: str
    kind: ProductKind
    title: str
    summary: str
    description: str
    price_cents: int
    member_price_cents: int | None
    currency: str
    stock: int | None
    stock_taken: int
    status: ProductStatus
    had: int
    downloads: int

    @property
    def paying(self) -> int:
        return self.stock_taken - self.had

    @property
    def on_sale(self) -> bool:
        return self.status is ProductStatus.PUBLISHED

    @property
    def left(self) -> int | None:
        return None if self.stock is None else self.stock - self.stock_taken


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a product: rows of its pages (id, position, title, body) and of its files, both in order."""

    pages: Sequence[Row[Any]]
    files: Sequence[Row[Any]]
    """id, name, size_bytes, content_type, downloads, course_page_id, stored_name."""

    @property
    def page_titles(self) -> dict[int, str]:
        return {page.id: page.title for page in self.pages}


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """One person's purchase. ``left_cents``: what could still be refunded."""

    item_id: int
    title: str
    product_slug: str
    name: str
    email: str
    order_token: str
    reference: str
    paid_cents: int
    currency: str
    granted_at: datetime
    revoked_at: datetime | None
    downloads: int
    last_download_at: datetime | None


def everything() -> list[ProductRow]:
    """Every product there ever was: those on sale first, then by title. One statement."""
    on_sale_first = case((_P.status == ProductStatus.PUBLISHED, 0), else_=1)
    rows = db.session.execute(_rows().order_by(on_sale_first, func.lower(_P.title), _P.id).limit(MOST_LISTED))
    return [ProductRow(*row) for row in rows]


def one(slug: str) -> ProductRow | None:
    """One product, on sale or not. One statement."""
    row = db.session.execute(_rows().where(_P.slug == slug)).one_or_none()
    return None if row is None else ProductRow(*row)


def contents(product_id: int) -> Contents:
    """What is in it. Two statements."""
    pages = select(CoursePage.id, CoursePage.position, CoursePage.title, CoursePage.body)
    columns = (_F.id, _F.name, _F.size_bytes, _F.content_type, _F.downloads, _F.course_page_id, _F.stored_name)
    return Contents(
        db.session.execute(pages.where(CoursePage.product_id == product_id).order_by(CoursePage.position, CoursePage.id)).all(),
        db.session.execute(select(*columns).where(_F.product_id == product_id).order_by(_F.id)).all(),
    )


def buyers(product_id: int, number: int = 1) -> Page[PurchaseRow]:
    """Who has bought it, newest first, those whose money went back too; one page of them. Two statements."""
    rows, number, total = rows_of_page(_purchases().where(_B.product_id == product_id), number)
    return Page([PurchaseRow(*row) for row in rows], number, total)


def purchase(item_id: int) -> PurchaseRow | None:
    """One purchase that was paid for, or had for nothing."""
    row = db.session.execute(_purchases().where(_B.order_item_id == item_id)).one_or_none()
    return None if row is None else PurchaseRow(*row)


def refundable(item_id: int) -> int:
    """What is left of its price to refund, as far as its payment has not gone back already. Two statements."""
    live = Refund.status != RefundStatus.FAILED
    of_line = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(Refund.order_item_id == item_id, live)
    price = OrderItem.unit_amount_cents * OrderItem.quantity - of_line.scalar_subquery()
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(Refund.payment_id == Payment.id, live)
    rows = db.session.execute(
        select(price, Payment.here_cents, back.scalar_subquery())
        .join(Payment, Payment.order_id == OrderItem.order_id)
        .where(OrderItem.id == item_id, Payment.status == PaymentStatus.SUCCEEDED)
        .order_by(Payment.id)
    ).all()
    left = (min(cents, refundable_cents(captured, gone)) for cents, captured, gone in rows)
    return next((cents for cents in left if cents > 0), 0)


def _rows() -> Select[Any]:
    mine = (_B.product_id == _P.id, _B.granted_at.is_not(None), _B.revoked_at.is_(None))
    had = select(func.count()).select_from(_B).where(*mine).correlate(_P).scalar_subquery()
    downloads = select(func.coalesce(func.sum(_B.downloads), 0)).where(_B.product_id == _P.id).correlate(_P).scalar_subquery()
    return select(
        _P.id, _P.slug, _P.kind, _P.title, _P.summary, _P.description, _P.price_cents, _P.member_price_cents, _P.currency,
        _P.stock, _P.stock_taken, _P.status, had, downloads,
    )  # fmt: skip


def _purchases() -> Select[Any]:
    return (
        select(
            OrderItem.id, _P.title, _P.slug, Order.name, Order.email, Order.token, Order.reference,
            OrderItem.unit_amount_cents * OrderItem.quantity, Order.currency, _B.granted_at, _B.revoked_at, _B.downloads,
            _B.last_download_at,
        )
        .join(_B, _B.order_item_id == OrderItem.id)
        .join(_P, _P.id == _B.product_id)
        .join(Order, Order.id == OrderItem.order_id)
        .where(_B.granted_at.is_not(None))
        .order_by(_B.granted_at.desc(), OrderItem.id.desc())
    )  # fmt: skip
