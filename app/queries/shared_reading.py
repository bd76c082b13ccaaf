"""One read for all who ask the same at the same moment. ``raw_rows`` reads the facts of visitors' pages through it.

When registration opens, a dozen threads of a process ask for one session at once. Who comes while a read is under way does not
get its rows, which may be older than they are, but those of the next, which begins after they came: so what each is told was
true after they asked, as if they had asked alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Read(Generic[T]):
    """One read: ``found`` when it is ``done``, and None when it failed. ``asked_by``: so many people."""

    def __init__(self) -> None:
        self.done, self.found, self.asked_by = Event(), None, 1  # type: Event, T | None, int


class _Line(Generic[T]):
    """The read that is under way, and the one after it that can still be joined."""

    under_way: _Read[T] | None = None
    next: _Read[T] | None = None


class SharedReading(Generic[T]):
    """Reads by what they ask for. Safe for the threads of a process."""

    def __init__(self) -> None:
        self._lock, self._lines = Lock(), {}  # type: Lock, dict[Hashable, _Line[T]]

    def get(self, asked: Hashable, read: Callable[[], T]) -> T:
        """What ``read`` finds when it begins after this call did; it may be somebody else's. Raises what it raises."""
        with self._lock:
            line = self._lines.setdefault(asked, _Line())
            if line.next is None:
                mine, before, joins = _Read[T](), line.under_way, False
                line.next = mine
            else:
                mine, joins = line.next, True
                mine.asked_by += 1
        if joins:
            mine.done.wait()
            return read() if mine.found is None else mine.found
        try:
            if before is not None:
                before.done.wait()
            with self._lock:
                line.under_way, line.next = mine, None  # whoever comes from now on may know of more than this read sees
            mine.found = found = read()
            return found
        finally:
            self._over(asked, line, mine)

    def _over(self, asked: Hashable, line: _Line[T], mine: _Read[T]) -> None:
        """However it ended, nobody waits for it any more, and nothing is kept."""
        with self._lock:
            if line.next is mine:
                line.next = None
            if line.next is None and self._lines.get(asked) is line:
                del self._lines[asked]
        mine.done.set()
