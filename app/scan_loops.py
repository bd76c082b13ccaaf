"""The scans of one worker: each a plain loop in a thread of its own, so that none can hold up another. Called by ``jobs``.

They are not dbos schedules: each run of a schedule would be two rows in the database (17,000 a day and scan), and what finds lost
work must not itself depend on the queue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BUSY_SECONDS = 0.5
"""A scan that found something looks again this soon."""
SOON_SECONDS = 5.0
"""And one that was told that more is coming, for so long: longer than a transaction takes that began just before."""


class ScanLoops:
    """Started for each scan, stopped for all."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._called: dict[str, threading.Event] = {}
        self._busy_until: dict[str, float] = {}

    def start(self, name: str, scan: Callable[[], int | None], every_seconds: float) -> None:
        """Run the scan now and then again and again. None of its results stops the loop."""
        self._called[name] = threading.Event()
        thread = threading.Thread(target=self._repeat, args=(name, scan, every_seconds), name=f"scan-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def look_soon(self, name: str) -> None:
        """Have the scan look at once, and often for a while. Nothing happens when no such scan runs here."""
        if name in self._called:
            self._busy_until[name] = time.monotonic() + SOON_SECONDS
            self._called[name].set()

    def wait(self) -> None:
        """Block until ``stop`` is called (from a signal handler or another thread)."""
        self._stopping.wait()

    def stop(self, patience_seconds: float) -> None:
        """Begin no other round; rounds under way may end in ``patience_seconds`` each."""
        self._stopping.set()
        for called in self._called.values():
            called.set()
        for thread in self._threads:
            thread.join(patience_seconds)

    def _repeat(self, name: str, scan: Callable[[], int | None], every_seconds: float) -> None:
        called = self._called[name]
        while not self._stopping.is_set():
            called.clear()
            busy = scan() or time.monotonic() < self._busy_until.get(name, 0)
            if not self._stopping.is_set():
                called.wait(min(BUSY_SECONDS, every_seconds) if busy else every_seconds)
