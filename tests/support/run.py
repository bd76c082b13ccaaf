"""What one test run shares between its processes: a directory, its locks, and who started it. Called by conftest.

The first process (xdist's controller, or the only one) makes the directory and removes it; workers are told where it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One call of pytest, however many workers it has."""

    directory: Path
    pid: int
    """The process whose end is the end of the run."""

    @classmethod
    def begin(cls) -> Run:
        """A fresh run: its directory can be entered by the unprivileged user that PostgreSQL runs as."""
        base = Path(tempfile.gettempdir())
        if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in (base, *base.parents)):
            base = Path("/var/tmp")  # noqa: S108 - mkdtemp makes the name
        directory = Path(tempfile.mkdtemp(prefix="muster-", dir=base))
        directory.chmod(0o711)
        return cls(directory, os.getpid())

    def end(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One worker at a time."""
        with (self.directory / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def once(self, name: str) -> Path:
        """The marker of a thing that is made once a run; the caller holds the lock and touches it when made."""
        return self.directory / f"{name}.made"
