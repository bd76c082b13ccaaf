"""Courses and files as those see them who may buy them and those who have them. Each page takes a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, func, select

from ..extensions import db
from ..models import CoursePage, Order, OrderItem, Product, ProductFile, ProductPurchase
from ..rules import pricing
from ..rules.pricing import Prices, Quote
from ..rules.statuses import ProductKind, ProductStatus
from .my_page import belongs_to

_B, _F, _P = ProductPurchase, ProductFile, Product
MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as people see it. ``token``: its name in addresses."""

    token: str
    name: str
    size_bytes: int
    page_id: int | None = None


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product at this viewer's price. ``left`` None: as many as like may have it."""

    id: int
    slug: str
    kind: ProductKind
    title: str
    summary: str
    description: str
    quote: Quote
    for_members: Quote
    left: int | None
    status: ProductStatus
    pages: Sequence[str] = ()
    """The titles of a course's pages, in order."""
    files: Sequence[FileView] = ()

    @property
    def sold_out(self) -> bool:
        return self.left is not None and self.left < 1


@dataclass(frozen=True, slots=True)
class PageView:
    """A page of a course. ``number``: from 1, in order."""

    id: int
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class PurchaseView:
    """What one secret link opens."""

    token: str
    order_token: str
    reference: str
    title: str
    description: str
    kind: ProductKind
    product_id: int
    revoked: bool
    pages: Sequence[PageView] = ()
    files: Sequence[FileView] = ()

    def files_of(self, page_id: int | None) -> list[FileView]:
        """Those of one page, or those that belong to none."""
        return [file for file in self.files if file.page_id == page_id]


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page of a course with its text, and those before and after it."""

    page: PageView
    body: str
    before: PageView | None
    after: PageView | None
    files: Sequence[FileView] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Owned:
    """A product that somebody has bought, for their own page."""

    token: str
    order_token: str
    title: str
    kind: ProductKind
    granted_at: datetime
    revoked_at: datetime | None


def on_sale(*, is_member: bool) -> list[ProductView]:
    """What can be bought now, by title. One statement."""
    wanted = select(_P).where(_P.status == ProductStatus.PUBLISHED).order_by(func.lower(_P.title), _P.id).limit(MOST_LISTED)
    return [_view(product, is_member) for product in _fresh(wanted)]


def page(slug: str, *, is_member: bool) -> ProductView | None:
    """One product that is on sale, with what is in it. Three statements at the most."""
    found = preview(slug, is_member=is_member)
    return found if found is not None and found.status is ProductStatus.PUBLISHED else None


def preview(slug: str, *, is_member: bool = False) -> ProductView | None:
    """The same on sale or not, for staff alone."""
    product = next(iter(_fresh(select(_P).where(_P.slug == slug))), None)
    if product is None:
        return None
    titles = [one.title for one in _pages(product.id)] if product.kind is ProductKind.COURSE else []
    return _view(product, is_member, titles, _files(product.id))


def owned_token(user_id: int, product_id: int) -> str | None:
    """The link to what this person has bought already; None when they have not."""
    mine = (Order.user_id == user_id, _B.product_id == product_id, _B.granted_at.is_not(None), _B.revoked_at.is_(None))
    statement = select(_B.token).join(OrderItem, OrderItem.id == _B.order_item_id).join(Order, Order.id == OrderItem.order_id)
    return db.session.execute(statement.where(*mine).order_by(_B.granted_at.desc()).limit(1)).scalar_one_or_none()


def purchase(token: str) -> PurchaseView | None:
    """What this link opens, or None when it has never opened anything. Three statements."""
    row = db.session.execute(
        select(_B, _P, Order.token, Order.reference)
        .join(_P, _P.id == _B.product_id)
        .join(OrderItem, OrderItem.id == _B.order_item_id)
        .join(Order, Order.id == OrderItem.order_id)
        .where(_B.token == token, _B.granted_at.is_not(None))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    bought, product, order_token, reference = row
    revoked = bought.revoked_at is not None
    return PurchaseView(
        token, order_token, reference, product.title, product.description, product.kind, product.id, revoked,
        pages=[] if revoked else _pages(product.id), files=[] if revoked else _files(product.id),
    )  # fmt: skip


def open_page(of: PurchaseView, number: int) -> OpenPage | None:
    """The page of this number with its text; None when there is none. One statement."""
    here = next((one for one in of.pages if one.number == number), None)
    if here is None:
        return None
    body = db.session.execute(select(CoursePage.body).where(CoursePage.id == here.id)).scalar_one_or_none()
    beside = {one.number: one for one in of.pages}
    return OpenPage(here, body or "", beside.get(number - 1), beside.get(number + 1), of.files_of(here.id))


def owned(user_id: int, confirmed_email: str | None) -> list[Owned]:
    """Everything of this kind that the person has bought, newest first. One statement."""
    rows = db.session.execute(
        select(_B.token, Order.token, _P.title, _P.kind, _B.granted_at, _B.revoked_at)
        .join(_P, _P.id == _B.product_id)
        .join(OrderItem, OrderItem.id == _B.order_item_id)
        .join(Order, Order.id == OrderItem.order_id)
        .where(belongs_to(Order, user_id, confirmed_email), _B.granted_at.is_not(None))
        .order_by(_B.granted_at.desc(), _B.order_item_id.desc())
    ).all()
    return [Owned(*row) for row in rows]


def _fresh(statement: Select[tuple[Product]]) -> Sequence[Product]:
    return db.session.execute(statement.execution_options(populate_existing=True)).scalars().all()


def _view(product: Product, is_member: bool, pages: Sequence[str] = (), files: Sequence[FileView] = ()) -> ProductView:
    prices = Prices(product.member_price_cents, product.price_cents, product.currency)
    return ProductView(
        product.id, product.slug, product.kind, product.title, product.summary, product.description,
        quote=pricing.quote(prices, is_member=is_member), for_members=pricing.quote(prices, is_member=True),
        left=None if product.stock is None else product.stock - product.stock_taken, status=product.status,
        pages=pages, files=files,
    )  # fmt: skip


def _pages(product_id: int) -> list[PageView]:
    statement = select(CoursePage.id, CoursePage.title).where(CoursePage.product_id == product_id)
    rows = db.session.execute(statement.order_by(CoursePage.position, CoursePage.id))
    return [PageView(row.id, number, row.title) for number, row in enumerate(rows, 1)]


def _files(product_id: int) -> list[FileView]:
    columns = (_F.token, _F.name, _F.size_bytes, _F.course_page_id)
    return [FileView(*row) for row in db.session.execute(select(*columns).where(_F.product_id == product_id).order_by(_F.id))]
