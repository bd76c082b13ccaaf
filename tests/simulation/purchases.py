"""What must hold of courses and files after every step: the stock is never oversold, and what is paid for can be opened.

Called by `invariants`; `opened` by `calm`, which follows every link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import RowMapping

from app.rules.statuses import ItemKind, OrderStatus, RefundStatus
from app.services.refund_marks import GONE

from .bookings import has_its_money
from .promises import must
from .rows import AtStripe, Rows, cents_of

if TYPE_CHECKING:
    from .history import Story


def check(seen: Rows, stripe: AtStripe) -> None:
    for product in seen.products.values():
        _never_oversold(seen, product)
    for purchase in seen.product_purchases.values():
        item = seen.order_items[purchase["order_item_id"]]
        _is_kept_while_paid_for(seen, purchase, item)
        _paid_is_open(seen, stripe, purchase, item)


def is_had(purchase: RowMapping) -> bool:
    return purchase["granted_at"] is not None and purchase["revoked_at"] is None


def of_order(seen: Rows, order_id: int) -> list[tuple[RowMapping, RowMapping]]:
    """Each line of an order that is a course or a file, with what it became."""
    lines = [i for i in seen.order_items.values() if i["order_id"] == order_id and i["kind"] is ItemKind.PRODUCT]
    return [(item, seen.product_purchases[item["id"]]) for item in lines]


def _never_oversold(seen: Rows, product: RowMapping) -> None:
    """Promise 1: what is counted is what is had or being paid for, and no more than there is."""
    mine = [p for p in seen.product_purchases.values() if p["product_id"] == product["id"]]
    kept, taken, stock = sum(p["kept"] for p in mine), product["stock_taken"], product["stock"]
    must(taken == kept, 1, f"product {product['id']} counts {taken}, its purchases {kept}")
    paying = [p for p in mine if _order(seen, p)["status"] is OrderStatus.PENDING]
    out = len(paying) + sum(map(is_had, mine))
    must(stock is None or out <= stock, 1, f"product {product['id']}: {out} of {stock} are had or being paid for")


def _is_kept_while_paid_for(seen: Rows, purchase: RowMapping, item: RowMapping) -> None:
    """Promise 10: as long as it can be paid, and no longer; and whoever has it keeps it."""
    order = seen.orders[item["order_id"]]
    wanted = order["status"] is OrderStatus.PENDING or is_had(purchase)
    must(bool(purchase["kept"]) == wanted, 10, f"item {item['id']} of a {order['status']} order is kept: {purchase['kept']}")


def _paid_is_open(seen: Rows, stripe: AtStripe, purchase: RowMapping, item: RowMapping) -> None:
    """Promises 2, 5 and 12: open with its money and as long as that stays; paid and shut only when it goes back."""
    name, price, paid = f"item {item['id']}", cents_of(item), _order(seen, purchase)["status"] is OrderStatus.PAID
    mine = [r for r in seen.refunds.values() if r["order_item_id"] == item["id"]]
    if is_had(purchase):
        must(paid, 5, f"{name} can be opened, and its order is not paid")
        has_its_money(seen, stripe, item["order_id"])
        gone = sum(r["amount_cents"] for r in mine if r["status"] in GONE)
        must(not price or gone < price, 2, f"{name} can be opened, and {gone} of {price} went back")
    elif paid:
        promised = sum(r["amount_cents"] for r in mine if r["status"] is not RefundStatus.FAILED)
        payments = seen.payments_of(item["order_id"])
        otherwise = any(seen.has_case(p["id"]) for p in payments) or not seen.kept(item["order_id"])
        must(promised >= price or otherwise, 2, f"{name} is paid and shut, and {promised} of {price} goes back")


def opened(story: Story, seen: Rows) -> None:
    """Promise 12: each link opens what is had, says of what was paid back that it was, and is nothing else."""
    for purchase in seen.product_purchases.values():
        never, had = purchase["granted_at"] is None, is_had(purchase)
        answer = story.world.open(f"/purchases/{purchase['token']}")
        must(answer == (404 if never else 200 if had else 410), 12, f"purchase {purchase['order_item_id']} answers {answer}")


def _order(seen: Rows, purchase: RowMapping) -> RowMapping:
    return seen.orders[seen.order_items[purchase["order_item_id"]]["order_id"]]
