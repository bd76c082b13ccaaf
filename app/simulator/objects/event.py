"""Builds events: the snapshot of an object at the moment something happened to it.

Called by `core.Core.emit` only.
"""
from __future__ import annotations

import copy

from ..ids import new_id
from ..settings import API_VERSION
from ..store import Json


def build_event(
    kind: str, object_: Json, now: int, cause: tuple[str | None, str | None], previous: Json | None
) -> Json:
    """`cause` is the request's id and idempotency key; both None for what nobody asked the API for."""
    data: Json = {"object": copy.deepcopy(object_)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": cause[0], "idempotency_key": cause[1]},
        "type": kind,
    }
