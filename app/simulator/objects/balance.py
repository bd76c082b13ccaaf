"""Builds balance transactions, the lines of Stripe's own books.

Called by the acts that move money; `available_on` is two days after, as for most card payments.
"""
from __future__ import annotations

from ..ids import new_id
from ..store import Json


def build_balance_transaction(
    *, amount: int, currency: str, source: str, kind: str, category: str, now: int, fee: int = 0, fee_says: str = "",
    description: str | None = None,
) -> Json:  # fmt: skip
    """One movement: `amount` signed, `fee` positive, `net` what is left of both."""
    detail = {"amount": fee, "application": None, "currency": currency, "description": fee_says, "type": "stripe_fee"}
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + 2 * 24 * 3600,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "pending",
        "type": kind,
    }


def build_balance(transactions: list[Json], now: int) -> Json:
    """The sum of the books by currency: what can be paid out, and what is on its way."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for transaction in transactions:
        part = sums["available" if transaction["available_on"] <= now else "pending"]
        part[transaction["currency"]] = part.get(transaction["currency"], 0) + transaction["net"]
    for part in sums.values():
        for currency in sums["available"] | sums["pending"]:
            part.setdefault(currency, 0)
    listed = {
        name: [{"amount": a, "currency": c, "source_types": {"card": a}} for c, a in sorted(part.items())]
        for name, part in sums.items()
    }
    prefunding: Json = {"available": [], "pending": []}
    return {"object": "balance", "livemode": False, "refund_and_dispute_prefunding": prefunding, **listed}
