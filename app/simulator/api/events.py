"""The operations on events and on the endpoints that get them.

Bound to URLs by `api.dispatch`.
"""
from __future__ import annotations

from fnmatch import fnmatchcase

from ..errors import invalid
from ..expansion import delivered
from ..ids import random_part
from ..listing import CREATED, PAGING, list_page
from ..objects.endpoint import build_endpoint
from ..schema import Boolean, Fields, Many, Text
from ..store import Json, Record
from .operation import Call, Operation, retrieve
from .parameters import WEBHOOK_ENDPOINT_CREATE

_TYPES = Many(Text(), 20, "Invalid array: at most 20 types")
_LIST = Fields({**PAGING, **CREATED, "delivery_success": Boolean(), "type": Text(), "types": _TYPES})


def _events(call: Call) -> Json:
    params = call.params
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.")
    wanted = params.get("types", [params["type"]] if "type" in params else ["*"])
    success = params.get("delivery_success")

    def keep(record: Record) -> bool:
        named = any(fnmatchcase(record.object["type"], pattern) for pattern in wanted)
        return named and (success is None or delivered(call.core, record.id) == success)

    return list_page(call.core, "event", params, call.path, keep)


def _create_endpoint(call: Call) -> Json:
    params = call.params
    secret = f"whsec_{random_part(32)}"
    built = build_endpoint(params["url"], params["enabled_events"], params, call.core.clock.now())
    record = call.core.store.add("webhook_endpoint", built, {"secrets": [secret]})
    # Only the answer to its creation shows an endpoint's secret.
    return {**call.show(record), "secret": secret}


def _endpoints(call: Call) -> Json:
    return list_page(call.core, "webhook_endpoint", call.params, call.path)


_ENDPOINTS = "/v1/webhook_endpoints"
OPERATIONS = (
    Operation("GET", "/v1/events", "event.list", _events, _LIST),
    retrieve("/v1/events", "event.retrieve", "event"),
    Operation("POST", _ENDPOINTS, "webhook_endpoint.create", _create_endpoint, WEBHOOK_ENDPOINT_CREATE),
    Operation("GET", _ENDPOINTS, "webhook_endpoint.list", _endpoints, Fields(PAGING)),
    retrieve(_ENDPOINTS, "webhook_endpoint.retrieve", "webhook_endpoint"),
)
