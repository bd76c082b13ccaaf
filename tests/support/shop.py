"""Courses and files for sale, with what is in them, and how somebody buys one. Called by tests."""

from __future__ import annotations

import io
from itertools import count
from typing import Any

from app.models import ClubSession, CoursePage, OrderItem, Product, ProductFile, ProductPurchase
from app.queries.memberships import Standing
from app.rules.statuses import ItemKind, ProductKind
from app.services import baskets, checkout, course_pages, product_files, products
from app.services.course_pages import PageFields
from app.services.items import Buyer, Wanted
from app.services.products import ProductFields

from .booking import order_of, payments_of, work
from .rows import all_of, the
from .stripe import StripeSimulator

STAFF = "user:1"
PDF = b"%PDF-1.7\nWarm up, then stretch.\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
_number = count(1)


def make_file(slug: str = "", *, content: bytes = PDF, name: str = "warm-up.pdf", published: bool = True, **fields: Any) -> str:
    """A file at NZ$12.00 (members NZ$8.00) that is on sale; its slug."""
    given = {"title": slug or f"Warm up {next(_number)}", "price_cents": 1200, "member_price_cents": 800, **fields}
    slug = products.create(ProductKind.FILE, ProductFields(**given), "NZD", STAFF)
    product_files.add(slug, io.BytesIO(content), name, None, STAFF, once=f"file-of-{slug}")
    if published:
        products.publish(slug, STAFF)
    return slug


def make_course(*pages: str, published: bool = True, **fields: Any) -> str:
    """A course with pages of these titles, on sale; its slug."""
    given = ProductFields(**{"title": f"Learn to serve {next(_number)}", "price_cents": 4500, **fields})
    slug = products.create(ProductKind.COURSE, given, "NZD", STAFF)
    for number, title in enumerate(pages or ("The grip", "The toss")):
        course_pages.add(slug, PageFields(title, f"About *{title.lower()}*."), STAFF, once=f"page-{number}-of-{slug}")
    if published:
        products.publish(slug, STAFF)
    return slug


def begin_product(slug: str, email: str = "ana@example.org", *, user_id: int | None = None, member: bool = False) -> str:
    """Put it in a basket of one and go as far as Stripe's page (or, for nothing, the order page); the order's token."""
    buyer = Buyer("Ana Lee", email, user_id, Standing(is_member=member, own_address=user_id is not None))
    wanted = Wanted(ItemKind.PRODUCT, slug)
    token, cents = baskets.add(None, wanted, buyer), baskets.offered(wanted, buyer).total_cents
    return checkout.begin_basket(token, buyer, cents, f"buys-{next(_number)}").order_token


def begin_both(session: ClubSession, slug: str, email: str = "ana@example.org") -> str:
    """A place and a product in one order, as far as Stripe's page; the order's token."""
    buyer, token = Buyer("Ana Lee", email), None
    for wanted in (Wanted(ItemKind.REGISTRATION, session.slug), Wanted(ItemKind.PRODUCT, slug)):
        token = baskets.add(token, wanted, Buyer())
    assert token is not None
    return checkout.begin_basket(token, buyer, baskets.view(token, buyer).total_cents, f"form-{email}").order_token


def buy(simulator: StripeSimulator, slug: str, email: str = "ana@example.org") -> str:
    """The same, paid for and heard of; the order's token."""
    return pay_order(simulator, begin_product(slug, email))


def pay_order(simulator: StripeSimulator, token: str) -> str:
    simulator.pay(payments_of(token)[-1].checkout_id or "")
    for _ in range(2):
        simulator.deliver()
        work()
    return token


def product(slug: str) -> Product:
    return the(Product, slug=slug)


def purchase_of(order_token: str) -> ProductPurchase:
    """What the one product of an order was bought as."""
    item = the(OrderItem, order_id=order_of(order_token).id, kind=ItemKind.PRODUCT)
    return the(ProductPurchase, order_item_id=item.id)


def product_of(order_token: str) -> Product:
    return the(Product, id=purchase_of(order_token).product_id)


def pages_of(slug: str) -> list[CoursePage]:
    return sorted(all_of(CoursePage, product_id=product(slug).id), key=lambda page: page.position)


def files_of(slug: str) -> list[ProductFile]:
    return sorted(all_of(ProductFile, product_id=product(slug).id), key=lambda file: file.id)


def has_access(order_token: str) -> bool:
    purchase = purchase_of(order_token)
    return purchase.granted_at is not None and purchase.revoked_at is None


def empty(slug: str) -> None:
    """Take it off sale and everything out of it."""
    products.unpublish(slug, STAFF)
    for file in files_of(slug):
        product_files.remove(slug, file.id, STAFF)
    for page in pages_of(slug):
        course_pages.remove(slug, page.id, STAFF)
