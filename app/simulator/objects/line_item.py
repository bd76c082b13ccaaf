"""Builds line items and their inline prices, and spreads a discount over them to the cent.

Called by `acts.sessions` at creation and by `acts.promotions` when a code is entered.
"""
from __future__ import annotations

from typing import Any

from ..ids import new_id
from ..store import Json


def build_price(data: Json, unit_amount: int, now: int) -> Json:
    """The one-off price that `price_data` makes."""
    return {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": data["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": data.get("product") or new_id("prod", 14),
        "recurring": None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def build_line_item(sent: Json, now: int) -> Json:
    """One line as the session keeps it."""
    data = sent["price_data"]
    unit_amount = data["unit_amount"]
    subtotal = unit_amount * sent["quantity"]
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": subtotal,
        "amount_tax": 0,
        "amount_total": subtotal,
        "currency": data["currency"],
        "description": data.get("product_data", {}).get("name"),
        "metadata": sent.get("metadata", {}),
        "price": build_price(data, unit_amount, now),
        "quantity": sent["quantity"],
    }


def spread_discount(lines: list[dict[str, Any]], discount: int) -> None:
    """Take `discount` off the lines in proportion; the last cents go to the lines with the largest remainders."""
    subtotal = sum(line["amount_subtotal"] for line in lines)
    shares = [divmod(discount * line["amount_subtotal"], subtotal) if subtotal else (0, 0) for line in lines]
    left = discount - sum(whole for whole, _ in shares)
    by_remainder = sorted(range(len(lines)), key=lambda i: -shares[i][1])
    for i, line in enumerate(lines):
        line["amount_discount"] = shares[i][0] + (1 if i in by_remainder[:left] else 0)
        line["amount_total"] = line["amount_subtotal"] - line["amount_discount"]
