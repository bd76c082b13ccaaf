"""Builds webhook endpoints.

Called for those in the settings when the simulator starts, and by POST /v1/webhook_endpoints.
"""
from __future__ import annotations

from ..ids import new_id
from ..settings import API_VERSION
from ..store import Json


def build_endpoint(url: str, enabled_events: list[str], params: Json, now: int) -> Json:
    """An endpoint in force; its secrets are kept beside it, not in it."""
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version", API_VERSION),
        "application": None,
        "created": now,
        "description": params.get("description"),
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "status": "enabled",
        "url": url,
    }
