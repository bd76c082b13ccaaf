"""What one test run shares between its processes: a directory, its locks, and who started it. Called by conftest.

The first process (xdist's controller, or the only one) makes the directory and removes it; workers are told where it is.
It lies in memory where there is room: making and dropping a PostgreSQL database is 400 files, and a busy disk took eight times
as long over them as all else that they cost.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the name
ROOM = 1 << 30
"""Bytes that must be free there; a run uses a quarter of it."""


@dataclass(frozen=True)
class Run:
    """One call of pytest, however many workers it has."""

    directory: Path
    pid: int
    """The process whose end is the end of the run."""
    on_disk: bool = False
    """A run that measures: its files lie where a club's would, and PostgreSQL waits for the disk as it does for a club."""

    @classmethod
    def begin(cls, *, on_disk: bool = False) -> Run:
        """A fresh run. ``on_disk`` for what measures: a database in memory is faster than any club's."""
        base = reachable_directory() if on_disk or not _has_room(MEMORY) else MEMORY
        directory = Path(tempfile.mkdtemp(prefix="muster-", dir=base))
        directory.chmod(0o711)
        return cls(directory, os.getpid(), on_disk)

    def end(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One worker at a time."""
        with (self.directory / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def folder(self) -> TemporaryDirectory[str]:
        """A folder for one test's files, gone when it is left."""
        return TemporaryDirectory(prefix="test-", dir=self.directory)

    def once(self, name: str) -> Path:
        """The marker of a thing that is made once a run; the caller holds the lock and touches it when made."""
        return self.directory / f"{name}.made"


def write_bytecode() -> None:
    """Keep what is compiled, whatever the shell says: else each worker compiles the tests, each process started here the app."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def collect_seldom() -> None:
    """Look for garbage seldom, and not among what lives as long as the run: that was a twelfth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def reachable_directory() -> Path:
    """A directory for temporary files that the unprivileged user that PostgreSQL runs as can enter, and run programs from."""
    base = Path(tempfile.gettempdir())
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in (base, *base.parents)):
        return Path("/var/tmp")  # noqa: S108 - mkdtemp makes the name
    return base


def _has_room(directory: Path) -> bool:
    if not os.access(directory, os.W_OK | os.X_OK):
        return False
    free = os.statvfs(directory)
    return free.f_bavail * free.f_frsize >= ROOM
