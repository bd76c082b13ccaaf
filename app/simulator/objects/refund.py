"""Builds refunds.

Called by `acts.refunds` only.
"""
from __future__ import annotations

from ..ids import new_id
from ..store import Json


def build_refund(charge: Json, amount: int, params: Json, status: str, now: int) -> Json:
    """Money going back on one charge; `params` is what the caller sent (nothing, from the dashboard)."""
    method = charge["payment_method_details"]["type"]
    destination: Json = {"type": method}
    destination[method] = {"type": "refund"} if method == "card" else {}
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": destination,
        "metadata": params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    return {**refund, "pending_reason": "processing"} if status == "pending" else refund
