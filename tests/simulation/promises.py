"""How a broken promise is said. Raised by every check of a history."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise was broken; the message says which."""


def must(holds: bool, promise: int, said: str) -> None:
    if not holds:
        raise Broken(f"promise {promise}: {said}")
