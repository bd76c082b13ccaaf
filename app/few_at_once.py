"""How many threads of this process are at a booking at once. Opened by the view of the button, left early by whoever calls out.

Python runs one thread of a process at a time. One booking is written while the next is read and checked, and the answers of the
database are waited for meanwhile; with sixteen threads at it each answer found the interpreter in other hands, and a tenth of a
rush was spent on handing it over. So few are at it, first come, first served, and the others wait without asking for anything. It
is a courtesy and protects nothing: whoever has waited for long goes on beside those who are held up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Lock

PLACES = 3
"""One that writes, one that is next, and one whose answer is being made."""
LONGEST_SECONDS = 0.25
"""More than those ahead take in a rush, less than anybody notices."""


class Few:
    """So many places, and who waits for one."""

    def __init__(self, places: int = PLACES) -> None:
        self._lock, self._free, self._waiting = Lock(), places, deque()  # type: Lock, int, deque[Event]

    def take(self) -> bool:
        """Wait for a place; False for who has waited for long and goes on without one."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = Event()
            self._waiting.append(mine)
        if mine.wait(LONGEST_SECONDS):
            return True
        with self._lock:
            if mine.is_set():
                return True
            self._waiting.remove(mine)
            return False

    def give_back(self) -> None:
        """The next in line has it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


_few = Few()
_has_place: ContextVar[bool] = ContextVar("muster_has_place", default=False)


@contextmanager
def few_at_once() -> Iterator[None]:
    """Be one of few in the block, or until ``step_out``."""
    before = _has_place.set(_few.take())
    try:
        yield
    finally:
        step_out()
        _has_place.reset(before)


def step_out() -> None:
    """Let the next in: what follows is slow and not ours, or is over. Nothing for who is not in."""
    if _has_place.get():
        _has_place.set(False)
        _few.give_back()
