"""The one source of "now". Everything that reads the time calls ``now()``; tests and the simulation set it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _system


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return _source()


@contextmanager
def reading(source: Callable[[], datetime]) -> Iterator[None]:
    """Let ``source`` tell the time inside the block (all threads); used by tests and the simulation."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
