"""The writers of a process take turns, on either database. Called by ``transaction``, before it takes a connection.

Python runs one thread of a process at a time, whatever we do. Writers that each wait for a dozen answers of the database hand
the interpreter to one another at every answer, and keep their locks meanwhile: a fifth of a rush was spent on that. So one
writes, from its first statement to its commit, and then the next begins, on the connection that is warm: to wait with one in
hand lost all that is gained. It is a courtesy and protects nothing, the database's locks do: whoever has waited for long goes on
beside a writer that is held up.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Event, Lock

LONGEST_SECONDS = 0.03
"""How long one writer may hold up the next: more than nearly every transaction takes, less than anybody notices."""


class Turn:
    """One writer's place in the line."""

    __slots__ = ("came", "until")

    def __init__(self) -> None:
        self.came, self.until = Event(), 0.0

    def start(self) -> None:
        self.until = time.monotonic() + LONGEST_SECONDS
        self.came.set()

    @property
    def seconds_left(self) -> float:
        return self.until - time.monotonic()


class Line:
    """Whose turn it is, and who is next: first come, first served."""

    def __init__(self) -> None:
        self._lock, self._writes, self._waiting = Lock(), None, deque()  # type: Lock, Turn | None, deque[Turn]

    def take(self) -> Turn:
        """Wait for a turn."""
        mine = Turn()
        with self._lock:
            if (ahead := self._writes) is None:
                self._give(mine)
                return mine
            self._waiting.append(mine)
        while not mine.came.wait(max(ahead.seconds_left, 0.001)):
            with self._lock:
                ahead = self._writes or mine
                if self._waiting and self._waiting[0] is mine and ahead.seconds_left <= 0:
                    self._give(self._waiting.popleft())
        return mine

    def give_back(self, turn: Turn) -> None:
        """The next may go, unless somebody went on beside this one already."""
        with self._lock:
            if self._writes is turn:
                self._writes = None
                if self._waiting:
                    self._give(self._waiting.popleft())

    def _give(self, turn: Turn) -> None:
        self._writes = turn
        turn.start()
