"""What of an event's JSON staff may see: everything but what opens or pays something. Pure; called by the desk's inbox."""

from __future__ import annotations

from typing import Any

HIDDEN = "(hidden)"
SECRET = ("secret", "token", "password")
OPENS = ("url", "success_url", "cancel_url", "return_url", "receipt_url")
"""Addresses that need nothing else: our order pages by their token, Stripe's page to pay."""


def without_secrets(value: Any) -> Any:
    """The same JSON with each secret and each such address replaced by a word; null stays null."""
    if isinstance(value, dict):
        return {name: HIDDEN if _hides(name, part) else without_secrets(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value


def _hides(name: str, part: Any) -> bool:
    return isinstance(part, str) and (name in OPENS or name.lower().endswith(SECRET) or name.lower().endswith("_url"))
