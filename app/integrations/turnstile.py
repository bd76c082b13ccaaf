"""Lets so many through at once and turns others away rather than let a queue grow. Called by the Stripe gateway for calls that a
person waits for.

While Stripe hangs, each such call keeps one of the site's threads for many seconds; without a bound they would soon be all of
them, and nobody could even look at a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic

PATIENCE_SECONDS = 2.0
"""How long somebody waits for their turn while calls are answered as usual."""
STUCK_SECONDS = 5.0
"""A call that takes longer than this is not being answered: nobody waits behind it."""


class TurnedAway(Exception):
    """It is not this call's turn, and waiting would not help: nothing was sent."""


class Turnstile:
    """At most ``at_once`` inside."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._inside: dict[int, float] = {}
        self._next = 0
        self._changed = Condition()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside for the block; raises TurnedAway, after ``PATIENCE_SECONDS`` or at once when those inside are stuck."""
        mine = self._enter()
        try:
            yield
        finally:
            with self._changed:
                del self._inside[mine]
                self._changed.notify()

    def _enter(self) -> int:
        until = monotonic() + PATIENCE_SECONDS
        with self._changed:
            while len(self._inside) >= self._at_once:
                now = monotonic()
                stuck = now - min(self._inside.values()) > STUCK_SECONDS
                if stuck or now >= until or not self._changed.wait(until - now):
                    raise TurnedAway
            self._next += 1
            self._inside[self._next] = monotonic()
            return self._next
