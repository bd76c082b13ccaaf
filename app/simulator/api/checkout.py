"""The operations on Checkout Sessions.

Bound to URLs by `api.dispatch`.
"""
from __future__ import annotations

from ..acts import sessions
from ..listing import CREATED, IGNORED, PAGING, list_page, page_of_lines
from ..schema import Anything, Choice, Email, Fields, Text
from ..store import Json, Record
from .operation import Call, Operation, retrieve
from .parameters import SESSION_CREATE, SESSION_UPDATE

_BASE = "/v1/checkout/sessions"
_LIST = Fields(
    {
        **PAGING,
        **CREATED,
        **IGNORED,
        "customer_details": Fields({"email": Email()}, ("email",)),
        "payment_intent": Text(),
        "payment_link": Anything(),
        "status": Choice(("complete", "expired", "open")),
        "subscription": Anything(),
    }
)


def _create(call: Call) -> Json:
    return call.show(sessions.create(call.core, call.params, call.base_url, call.cause))


def _list(call: Call) -> Json:
    params = call.params
    email = params.get("customer_details", {}).get("email", "").casefold()

    def keep(record: Record) -> bool:
        session = record.object
        return (
            params.get("status", session["status"]) == session["status"]
            and params.get("payment_intent", session["payment_intent"]) == session["payment_intent"]
            and (not email or ((session["customer_details"] or {}).get("email") or "").casefold() == email)
            # No customers, links or subscriptions here, so whoever filters by one finds nothing.
            and not ({"customer", "customer_account", "payment_link", "subscription"} & set(params))
        )

    return list_page(call.core, sessions.KIND, params, _BASE, keep)


def _expire(call: Call) -> Json:
    return call.show(sessions.expire(call.core, call.record(sessions.KIND, "session"), call.cause))


def _update(call: Call) -> Json:
    return call.show(sessions.update(call.core, call.record(sessions.KIND, "session"), call.params))


def _line_items(call: Call) -> Json:
    return page_of_lines(call.record(sessions.KIND, "session").private["lines"], call.params, call.path)


OPERATIONS = (
    Operation("POST", _BASE, "checkout.create", _create, SESSION_CREATE),
    Operation("GET", _BASE, "checkout.list", _list, _LIST),
    retrieve(_BASE, "checkout.retrieve", sessions.KIND, "session"),
    Operation("POST", f"{_BASE}/<id>", "checkout.update", _update, SESSION_UPDATE),
    Operation("POST", f"{_BASE}/<id>/expire", "checkout.expire", _expire),
    Operation("GET", f"{_BASE}/<id>/line_items", "checkout.line_items", _line_items, Fields(PAGING)),
)
