"""A stable name for each worker of a machine, so that a restarted one takes back its own unfinished jobs. Called by jobs."""

from __future__ import annotations

import fcntl
import socket
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO


@dataclass(slots=True)
class Slot:
    """The lowest number no living worker has. The lock is the system's: it is gone with the process, however that ended."""

    name: str
    _lock: TextIO

    @classmethod
    def take(cls, instance: Path) -> Slot:
        """The first free slot of this machine."""
        folder = instance / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            lock = (folder / f"{number}.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return cls(f"{socket.gethostname()}-{number}", lock)
        raise AssertionError("unreachable")

    def release(self) -> None:
        """Let the next worker have it."""
        self._lock.close()
