"""Commands and servers as processes of their own, for what only a real one shows. Called by tests of commands and of stopping."""

from __future__ import annotations

import os
import subprocess
import sys

from .database import ROOT


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    """A real process with this environment and no other."""
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", *words], cwd=ROOT, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and all it said; it is killed when it does not end."""
    try:
        said, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise AssertionError(f"it did not end: {said[-600:]}") from None
    return process.returncode, said
