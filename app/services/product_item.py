"""A course or a file as a line of an order: one is kept while it is paid for, paid it can be opened. Called through ``items``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from flask_babel import gettext, lazy_gettext  # type: ignore[import-untyped]
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..models import Order, OrderItem, Product, ProductPurchase
from ..models.columns import new_token
from ..queries.item_facts import ItemFacts, KindWords
from ..rules import pricing
from ..rules.pricing import Prices
from ..rules.products import ProductNotFound, ProductNotOnSale, ProductOwned, ProductSoldOut
from ..rules.statuses import ItemKind, OrderStatus, ProductKind, ProductStatus
from . import audit, order_lines, orders, product_access, stock
from .items import Buyer, ItemHandler, OrderKey, Quoted, Recorded, Reserved, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedProduct(Quoted):
    """A product at the price of this buyer. ``left`` None: as many as like may have it."""

    left: int | None


class ProductItem(ItemHandler[QuotedProduct]):
    """See ItemHandler. Taking it off sale lets go on whoever is paying already: only what is empty by then is refunded."""

    kind: ClassVar[ItemKind] = ItemKind.PRODUCT
    rank: ClassVar[int] = 30
    in_baskets: ClassVar[bool] = True
    words: ClassVar[KindWords] = KindWords(
        noun=lazy_gettext("Course or file"),
        had=lazy_gettext("Yours to keep"),
        to_pay=lazy_gettext("Pay for your order"),
        shop=("products.products", lazy_gettext("Courses and files")),
    )

    def quote(self, db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> QuotedProduct:
        """The price for a member or anybody. Raises ProductNotFound or ProductNotOnSale."""
        found = select(Product).where(Product.slug == wanted.slug).execution_options(populate_existing=True)
        product = db.execute(found).scalar_one_or_none()
        if product is None:
            raise ProductNotFound
        if product.status is not ProductStatus.PUBLISHED:
            raise ProductNotOnSale
        prices = Prices(product.member_price_cents, product.price_cents, product.currency)
        lines = order_lines.of_quote(product.title, pricing.quote(prices, is_member=buyer.pays_as_member))
        left = None if product.stock is None else product.stock - product.stock_taken
        return QuotedProduct(
            wanted, product.title, product.currency, lines, product.id, keeps=left is not None, left=left
        )

    def check_available(self, quoted: QuotedProduct) -> None:
        """What reserving would say by the number that the quote read."""
        if quoted.left is not None and quoted.left < 1:
            raise ProductSoldOut

    def check_had(self, db: Session, quoted: QuotedProduct, buyer: Buyer) -> None:
        """Somebody signed in is told before they pay for it again. Of an address alone nothing is said."""
        if buyer.user_id is None:
            return
        theirs = (Order.user_id == buyer.user_id, ProductPurchase.product_id == quoted.subject_id)
        had = (ProductPurchase.granted_at.is_not(None), ProductPurchase.revoked_at.is_(None))
        owned = select(OrderItem.id).join(Order, Order.id == OrderItem.order_id)
        owned = owned.join(ProductPurchase, ProductPurchase.order_item_id == OrderItem.id).where(*theirs, *had)
        if db.execute(owned.limit(1)).first() is not None:
            raise ProductOwned

    def reserve(self, db: Session, quoted: QuotedProduct, buyer: Buyer, now: datetime) -> Reserved[QuotedProduct]:
        """Take one by the guarded statement; when that fails it is sold out or was taken off sale in this moment."""
        if not stock.take(db, quoted.subject_id):
            raise ProductSoldOut
        return Reserved(quoted)

    def record(
        self, db: Session, order: OrderKey, reserved: Reserved[QuotedProduct], buyer: Buyer, now: datetime, *, done: bool
    ) -> Recorded:
        """Write the line and what it is for; with nothing to pay it can be opened at once."""
        quoted = reserved.quoted
        whole = order_lines.summed(quoted.title, quoted.lines)
        item_id = orders.add_item(db, order.id, self.kind, whole, lines=quoted.lines).id
        values = {"order_item_id": item_id, "product_id": quoted.subject_id, "token": new_token(), "kept": True}
        db.execute(insert(ProductPurchase).values(values))
        if done and not product_access.grant(db, item_id, quoted.subject_id, buyer.actor, now):
            raise ProductNotOnSale  # emptied since it was published, which is refused while it is on sale
        return Recorded(item_id, reserved, {"product": quoted.wanted.slug})

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Open it to whoever has the link. Late: only if one is left and it is still on sale; empty: not at all."""
        product_id = db.execute(
            select(ProductPurchase.product_id).where(ProductPurchase.order_item_id == item.id)
        ).scalar_one()
        given = product_access.grant(db, item.id, product_id, actor, now)
        if not given:
            audit.record(db, actor, "product_refused", "order", item.order_id, product=product_id)
        return given

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        product_access.let_go(db, item.id)

    def refund(self, db: Session, item: OrderItem, gone_cents: int, actor: str) -> None:
        """All of its price has gone back: so has it. Part of it: it stays."""
        if gone_cents >= item.unit_amount_cents * item.quantity > 0:
            product_access.revoke(db, item.id, actor)
        else:
            product_access.give_back(db, item, actor)

    def metadata(self, db: Session, item: OrderItem) -> Mapping[str, str]:
        of_item = select(Product.slug).join(ProductPurchase, ProductPurchase.product_id == Product.id)
        return {"product": db.execute(of_item.where(ProductPurchase.order_item_id == item.id)).scalar_one()}

    def path(self, slug: str) -> str:
        return f"/products/{slug}"

    def facts(self, db: Session, order_id: int) -> Mapping[int, ItemFacts]:
        """Whether it can be opened, and by which link."""
        rows = db.execute(
            select(OrderItem.id, ProductPurchase.token, ProductPurchase.revoked_at, Product.kind)
            .join(ProductPurchase, ProductPurchase.order_item_id == OrderItem.id)
            .join(Product, Product.id == ProductPurchase.product_id)
            .where(OrderItem.order_id == order_id, ProductPurchase.granted_at.is_not(None))
        ).all()
        return {row.id: _facts(row.token, row.kind, over=row.revoked_at is not None) for row in rows}


def _facts(token: str, kind: ProductKind, *, over: bool) -> ItemFacts:
    return ItemFacts(
        state=gettext("Paid back") if over else gettext("Yours"),
        tone="red" if over else "green",
        over=over,
        path=f"/purchases/{token}",
        path_words=gettext("Open the course") if kind is ProductKind.COURSE else gettext("Download it"),
    )
