"""The simulator's own time, which can be frozen, set and moved without touching the machine's.

Every other file asks `Clock.now()`; only signatures may ask for the wall's time, because their reader has that clock.
"""
from __future__ import annotations

import time
from threading import Lock


class Clock:
    """Seconds since 1970, whole, as Stripe's are. Thread-safe."""

    def __init__(self, frozen_at: int | None = None) -> None:
        self._lock = Lock()
        self._offset = 0
        self._frozen_at = frozen_at

    def now(self) -> int:
        """The simulated time."""
        with self._lock:
            return self._now()

    def _now(self) -> int:
        return self._frozen_at if self._frozen_at is not None else self.wall() + self._offset

    @staticmethod
    def wall() -> int:
        """The machine's time, for whatever is compared with another program's clock."""
        return int(time.time())

    def advance(self, seconds: int) -> int:
        """Move the clock, frozen or running, and return the new time."""
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at += seconds
            else:
                self._offset += seconds
            return self._now()

    def set(self, timestamp: int) -> int:
        """Make it `timestamp` now; a running clock goes on from there."""
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at = timestamp
            else:
                self._offset = timestamp - self.wall()
            return self._now()

    def freeze(self, at: int | None = None) -> int:
        """Stop the clock at `at`, or where it stands."""
        with self._lock:
            self._frozen_at = self._now() if at is None else at
            return self._frozen_at

    def run(self) -> int:
        """Let a frozen clock run on from where it stands."""
        with self._lock:
            if self._frozen_at is not None:
                self._offset = self._frozen_at - self.wall()
                self._frozen_at = None
            return self._now()

    def state(self) -> dict[str, int | None]:
        """What a restart needs to find the same time again."""
        with self._lock:
            return {"offset": self._offset, "frozen_at": self._frozen_at}

    def restore(self, state: dict[str, int | None]) -> None:
        """Take over what `state()` gave before the restart."""
        with self._lock:
            self._offset = state["offset"] or 0
            self._frozen_at = state["frozen_at"]
