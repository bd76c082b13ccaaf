"""Makes, changes and ends Checkout Sessions.

Called by `api.checkout`, by the clock (expiry) and by the control.
"""
from __future__ import annotations

from typing import Any

from ..core import NOBODY, Cause, Core
from ..errors import invalid, refused
from ..money import MAXIMUM_CHARGE, check_step, format_amount, minimum_charge
from ..objects.line_item import build_line_item
from ..objects.session import build_session, method_types
from ..store import Json, Record
from . import promotions

HALF_HOUR, DAY = 1800, 24 * 3600
KIND = "checkout.session"
_DUE = "The Checkout Session's total amount due"


def create(core: Core, params: Json, base_url: str, cause: Cause) -> Record:
    """A new open session, or Stripe's 400. Nothing is kept when it is refused."""
    now = core.clock.now()
    _check_together(params, now)
    lines = [build_line_item(line, now) for line in params["line_items"]]
    currency = lines[0]["currency"]
    subtotal = sum(line["amount_subtotal"] for line in lines)
    session = build_session(params, base_url, subtotal, currency, now)
    private = {"lines": lines, "payment_intent_data": params.get("payment_intent_data", {}), "pending": None}
    record = Record(KIND, session["id"], 0, session, private)
    for discount in params.get("discounts", []):
        promotions.apply_sent(core, record, discount)
    check_total(session["amount_total"], currency)
    kept = core.store.add(KIND, session, private)
    core.schedule(session["expires_at"], kept)
    return kept


def _check_together(params: Json, now: int) -> None:
    """The rules that no single parameter can break."""
    expires_at = params.get("expires_at", now + DAY)
    if expires_at < now + HALF_HOUR:
        said = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(said, "expires_at")
    if expires_at > now + DAY:
        said = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(said, "expires_at")
    if "allow_promotion_codes" in params and "discounts" in params:
        raise invalid("You may only specify one of these parameters: allow_promotion_codes, discounts.")
    if params.get("allowed_payment_method_types") and params.get("excluded_payment_method_types"):
        raise invalid(
            "You may only specify one of these parameters: allowed_payment_method_types, excluded_payment_method_types."
        )
    if not method_types(params):
        raise invalid("No valid payment method types for this Checkout Session.", "allowed_payment_method_types")
    currencies = {line["price_data"]["currency"] for line in params["line_items"]}
    if "currency" in params:
        currencies.add(params["currency"])
    if len(currencies) > 1:
        raise invalid("All prices on a Checkout Session must have the same currency.", "line_items")
    for i, line in enumerate(params["line_items"]):
        _check_amount(line["price_data"], f"line_items[{i}][price_data][unit_amount]")


def _check_amount(price: dict[str, Any], name: str) -> None:
    if price["unit_amount"] > MAXIMUM_CHARGE:
        raise invalid("Invalid amount: must be no more than 999,999.99", name, "amount_too_large")
    check_step(price["unit_amount"], price["currency"], name)


def check_total(total: int, currency: str) -> None:
    """Refuse totals that no card can be charged; 0 is no charge at all and fine."""
    least = minimum_charge(currency)
    if 0 < total < least:
        said = f"{_DUE} must add up to at least {format_amount(least, currency)} {currency}"
        raise refused(said, None, "amount_too_small")
    if total > MAXIMUM_CHARGE:
        raise refused(f"{_DUE} must be no more than 999,999.99", None, "amount_too_large")


def update(core: Core, record: Record, params: Json) -> Record:
    """Merge metadata; a key sent empty is removed."""
    merge_metadata(record.object, params)
    core.store.save(record)
    return record


def merge_metadata(object_: Json, params: Json) -> None:
    """Stripe's way of updating metadata: keys are added or replaced, empty ones removed, `metadata=` clears."""
    if "metadata" in params:
        merged = {**object_["metadata"], **params["metadata"]} if params["metadata"] else {}
        object_["metadata"] = {key: value for key, value in merged.items() if value != ""}


def expire(core: Core, record: Record, cause: Cause) -> Record:
    """End an open session now; any other is refused in Stripe's words."""
    status = record.object["status"]
    if status != "open":
        raise refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{status}`."
        )
    end(core, record, cause)
    return record


def end(core: Core, record: Record, cause: Cause) -> None:
    """Open becomes expired: its page is gone, its unfinished payment is cancelled, and the event says so."""
    record.object.update(status="expired", url=None)
    record.private["pending"] = None
    core.store.save(record)
    intent = core.store.get("payment_intent", record.object["payment_intent"])
    if intent is not None:
        intent.object.update(
            status="canceled", canceled_at=core.clock.now(), cancellation_reason="expired", next_action=None
        )
        core.store.save(intent)
        core.emit("payment_intent.canceled", intent, cause)
    core.emit("checkout.session.expired", record, cause)


def turn(core: Core, record: Record) -> None:
    """Called by the clock at `expires_at`."""
    if record.object["status"] == "open":
        end(core, record, NOBODY)
