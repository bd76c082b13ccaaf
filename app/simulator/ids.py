"""Identifiers that look like Stripe's, so that nothing under test can tell by their shape.

Called by the builders in `objects` and by the API for its request ids.
"""
from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def random_part(length: int) -> str:
    """`length` letters and digits nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(prefix: str, length: int = 24) -> str:
    """`pi_3Q…`-like: a prefix, an underscore and `length` random characters."""
    return f"{prefix}_{random_part(length)}"


def checkout_id() -> str:
    """Checkout Sessions carry their mode and a longer tail."""
    return f"cs_test_a1{random_part(56)}"
