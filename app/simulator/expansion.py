"""Shows a stored object as the API does: a copy, with what depends on the clock, and with `expand[]` followed.

Called by `api.dispatch` on the way out, and by listings.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from .acts.promotions import is_valid
from .core import Core
from .errors import ApiError, invalid
from .outgoing import DELIVERED
from .store import Json, Record

Expander = Callable[[Core, Json], Any]


def show(core: Core, record: Record) -> Json:
    """The object as it reads now."""
    shown = copy.deepcopy(record.object)
    if record.kind == "balance_transaction":
        shown["status"] = "available" if shown["available_on"] <= core.clock.now() else "pending"
    elif record.kind == "coupon":
        shown["valid"] = is_valid(core, shown)
    return shown


def page(items: list[Json], url: str, has_more: bool = False) -> Json:
    """Stripe's list envelope."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def delivered(core: Core, event_id: str) -> bool:
    """Whether every endpoint that wanted the event has taken it."""
    owed = core.outgoing.of(event_id)
    reached = {d.object["endpoint"] for d in owed if d.object["state"] == DELIVERED}
    return all(d.object["endpoint"] in reached for d in owed)


def _linked(kind: str, field: str) -> Expander:
    def follow(core: Core, holder: Json) -> Any:
        value = holder[field]
        record = core.store.get(kind, value) if isinstance(value, str) else None
        return show(core, record) if record else value

    return follow


def _source(core: Core, transaction: Json) -> Any:
    for kind in ("charge", "refund", "dispute"):
        if record := core.store.get(kind, transaction["source"]):
            return show(core, record)
    return transaction["source"]


def _lines(core: Core, session: Json) -> Json:
    lines = copy.deepcopy(core.store.need("checkout.session", session["id"]).private["lines"])
    return page(lines, f"/v1/checkout/sessions/{session['id']}/line_items")


def _breakdown(core: Core, session: Json) -> Json:
    discount = core.store.need("checkout.session", session["id"]).private.get("discount")
    used = [{"amount": session["total_details"]["amount_discount"], "discount": discount}] if discount else []
    return {**session["total_details"], "breakdown": {"discounts": used, "taxes": []}}


def _refunds(core: Core, charge: Json) -> Json:
    found = [show(core, r) for r in reversed(core.store.all("refund")) if r.object["charge"] == charge["id"]]
    return page(found, f"/v1/charges/{charge['id']}/refunds")


_EXPANDERS: dict[tuple[str, str], Expander] = {
    ("checkout.session", "payment_intent"): _linked("payment_intent", "payment_intent"),
    ("checkout.session", "line_items"): _lines,
    ("payment_intent", "latest_charge"): _linked("charge", "latest_charge"),
    ("charge", "balance_transaction"): _linked("balance_transaction", "balance_transaction"),
    ("charge", "failure_balance_transaction"): _linked("balance_transaction", "failure_balance_transaction"),
    ("charge", "payment_intent"): _linked("payment_intent", "payment_intent"),
    ("charge", "refunds"): _refunds,
    ("refund", "charge"): _linked("charge", "charge"),
    ("refund", "payment_intent"): _linked("payment_intent", "payment_intent"),
    ("refund", "balance_transaction"): _linked("balance_transaction", "balance_transaction"),
    ("refund", "failure_balance_transaction"): _linked("balance_transaction", "failure_balance_transaction"),
    ("dispute", "charge"): _linked("charge", "charge"),
    ("dispute", "payment_intent"): _linked("payment_intent", "payment_intent"),
    ("balance_transaction", "source"): _source,
}
_PLAIN = {"customer", "customer_account", "invoice", "payment_method", "subscription", "setup_intent", "application"}


def expand(core: Core, shown: Json, paths: Sequence[str]) -> Json:
    """Follow every path of `expand[]` in place, or refuse it in Stripe's words."""
    for path in paths:
        names = path.split(".")
        if len(names) > 4 + (names[0] == "data"):
            raise invalid("You cannot expand more than 4 levels of a property.", "expand")
        _follow(core, shown, names, path)
    return shown


def _follow(core: Core, holder: Any, names: list[str], path: str) -> None:
    if not names or not isinstance(holder, dict):
        return
    name, rest = names[0], names[1:]
    if holder.get("object") == "list":
        if name != "data":
            raise _cannot(path)
        for item in holder["data"]:
            _follow(core, item, rest, path)
        return
    if (holder.get("object"), name) == ("checkout.session", "total_details") and rest == ["breakdown"]:
        holder["total_details"] = _breakdown(core, holder)
        return
    if (holder.get("object"), name) == ("promotion_code", "promotion") and rest == ["coupon"]:
        holder["promotion"]["coupon"] = show(core, core.store.need("coupon", holder["promotion"]["coupon"]))
        return
    expander = _EXPANDERS.get((holder.get("object", ""), name))
    if expander is None:
        if name in _PLAIN and name in holder:
            return
        raise _cannot(path)
    if not isinstance(holder.get(name), dict):
        holder[name] = expander(core, holder)
    _follow(core, holder[name], rest, path)


def _cannot(path: str) -> ApiError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
