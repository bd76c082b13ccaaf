"""Lets the workers of one gunicorn add their counts up. Called by ``create_app`` before anything counts, and by `/metrics`.

prometheus-client keeps each process's counts in a file of the directory that this variable names, if it is set when the
library is imported; without it, as in tests and commands, a process counts for itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
NAMES = "muster-counts-"


def share() -> None:
    """Under gunicorn, count into a directory named by the parent process; the directories of parents that are gone go too."""
    if "gunicorn" not in sys.modules or VARIABLE in os.environ:
        return
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{NAMES}*"):
        if not Path(f"/proc/{left.name.removeprefix(NAMES)}").exists():
            shutil.rmtree(left, ignore_errors=True)
    mine = base / f"{NAMES}{os.getppid()}"
    mine.mkdir(mode=0o700, exist_ok=True)
    os.environ[VARIABLE] = str(mine)


def shared() -> bool:
    """Whether this process's counts are one part of several."""
    return VARIABLE in os.environ
