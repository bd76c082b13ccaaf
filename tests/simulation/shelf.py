"""Courses and files in a history: what is for sale, people who buy it alone or in a basket, and what staff do about it.

Acts as in `acts`. Used by `mixture` and by the twins; a history either has a shelf or it does not (`mixture.has_shelf`).
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.extensions import db
from app.models import CoursePage, Product, ProductFile
from app.rules.statuses import ItemKind, ProductKind, ProductStatus
from app.services import baskets, checkout, course_pages, product_access, product_files, products
from app.services.course_pages import PageFields
from app.services.items import Wanted
from app.services.products import ProductFields
from tests.support.shop import make_course, make_file

from .desk import STAFF, WHY, _once, _sent
from .dice import Dice
from .shop import buyer

if TYPE_CHECKING:
    from .history import Story


def put_up(story: Story, stock: int) -> None:
    """A course of which few may be had."""
    story.shelf = [make_course("The grip", title="A course", price_cents=2500, stock=stock)]


def set_out(story: Story, dice: Dice) -> None:
    """Such a course, and now and then a file that is free for members."""
    put_up(story, dice.choice((1, 1, 2)))
    if dice.random() < 0.6:
        free = dice.choice((0, 0, 300))
        story.shelf.append(make_file("A file", price_cents=500, member_price_cents=free, stock=dice.choice((None, 1, 3))))


# --- people -------------------------------------------------------------------------------------------------------------------


def buy(story: Story, dice: Dice) -> str:
    """Somebody buys one thing at once, as from its page."""
    person, slug = dice.choice(story.crowd.people), dice.choice(story.shelf)
    wanted, asks = Wanted(ItemKind.PRODUCT, slug), buyer(person)
    basket = baskets.add(None, wanted, asks)
    cents = baskets.view(basket, asks).total_cents + (100 if dice.random() < 0.04 else 0)  # a page drawn before the price changed
    db.session.rollback()
    person.forms += 1
    person.went_to(checkout.begin_basket(basket, asks, cents, f"{person.email}-{person.forms}"))
    return f"{person.name} {slug} for {cents}"


def choose(story: Story, dice: Dice) -> str:
    """Something from the shelf goes into somebody's basket, to whatever else is in it."""
    person, slug = dice.choice(story.crowd.people), dice.choice(story.shelf)
    person.basket = baskets.add(person.basket, Wanted(ItemKind.PRODUCT, slug), buyer(person))
    return f"{person.name} {slug}"


# --- staff --------------------------------------------------------------------------------------------------------------------


def give_back(story: Story, dice: Dice) -> str:
    """All that was paid for it, or a part."""
    had = [p["order_item_id"] for p in story.seen.product_purchases.values() if p["granted_at"] and not p["revoked_at"]]
    item = story.seen.order_items[dice.choice(had)]
    price, once = item["unit_amount_cents"] * item["quantity"], _once(story)
    cents = dice.choice((price, price, dice.randint(0, price)))
    return _sent(dice, lambda: product_access.refund(item["id"], cents, WHY, STAFF, once=once))


def change_stock(story: Story, dice: Dice) -> str:
    """How many may be had, or what it costs."""
    product = _product(dice.choice(story.shelf))
    asked = ProductFields(**{field.name: getattr(product, field.name) for field in fields(ProductFields)})
    changes: dict[str, Any] = {"stock": dice.choice((1, 2, 3, None))} if dice.random() < 0.7 else {"price_cents": 900}
    products.edit(product.slug, replace(asked, **changes), STAFF)
    return f"{product.slug} {changes}"


def take_off_sale(story: Story, dice: Dice) -> str:
    """Or put it on sale again."""
    product = _product(dice.choice(story.shelf))
    on_sale = product.status is ProductStatus.PUBLISHED
    (products.unpublish if on_sale else products.publish)(product.slug, STAFF)
    return f"{product.slug} {'off' if on_sale else 'on'}"


def clear_out(story: Story, dice: Dice) -> str:
    """Nothing is left in it, so that nobody can have it; or something is put in again."""
    product, once = _product(dice.choice(story.shelf)), _once(story)
    pages = list(db.session.execute(select(CoursePage.id).where(CoursePage.product_id == product.id)).scalars())
    files = list(db.session.execute(select(ProductFile.id).where(ProductFile.product_id == product.id)).scalars())
    db.session.rollback()
    if product.kind is ProductKind.COURSE and not pages:
        course_pages.add(product.slug, PageFields("The toss", "High."), STAFF, once=once)
        products.publish(product.slug, STAFF)
        return f"{product.slug} again"
    products.unpublish(product.slug, STAFF)
    for id_ in pages:
        course_pages.remove(product.slug, id_, STAFF)
    for id_ in files:
        product_files.remove(product.slug, id_, STAFF)
    return product.slug


def _product(slug: str) -> Any:
    found = db.session.execute(select(Product).where(Product.slug == slug)).scalar_one()
    db.session.expunge(found)
    db.session.rollback()
    return found
