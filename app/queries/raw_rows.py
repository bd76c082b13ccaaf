"""Rows as the driver gives them, turned into what the columns' types say only when somebody needs it.

For lists that are mostly the same as a moment ago: comparing raw rows costs a tenth of making typed ones. Called by queries.
"""

from __future__ import annotations

import time
from collections import namedtuple
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any

from cachetools import TTLCache
from sqlalchemy import Dialect, Select, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import NullType

from ..extensions import db
from . import alone
from .shared_reading import SharedReading

Facts = tuple[tuple[Any, ...], ...]
Process = Callable[[Any], Any] | None


class RawRows:
    """A selection of columns. ``statement`` reads them raw; what else it asks for is the caller's."""

    def __init__(self, columns: Sequence[InstrumentedAttribute[Any]]) -> None:
        self._columns = columns
        self._Row = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self.statement: Select[Any] = select(*(type_coerce(column, NullType()).label(column.key) for column in columns))

    @cached_property
    def _types(self) -> tuple[Any, ...]:
        return tuple(column.type for column in self._columns)  # asked once: an attribute looks its column up at each use

    def typed(self, facts: Facts, dialect: Dialect) -> Iterable[Any]:
        """Each row with its values as the columns' types mean them, by name."""
        processes = _processes(self._types, dialect)
        for row in facts:
            values = (process(value) if process else value for process, value in zip(processes, row, strict=True))
            yield self._Row(*values)


LATELY_SECONDS = 0.1
"""How old what somebody else has read may be."""
_together: SharedReading[Facts] = SharedReading()
_lately: TTLCache[Hashable, Facts] = TTLCache(maxsize=64, ttl=LATELY_SECONDS, timer=time.monotonic)
_keeping = Lock()


def read(statement: Select[Any], given: dict[str, Any]) -> Facts:
    """The rows as the driver gives them, read once for all who ask for the same now. One statement, and nothing else."""
    if _in_transaction():
        return _read(statement, given)
    return _together.get((db.engine, statement, *given.items()), lambda: _read(statement, given))


def read_and_keep(statement: Select[Any], given: dict[str, Any]) -> Facts:
    """The same, kept for ``read_lately`` unless a transaction may see what others do not."""
    apart, found = not _in_transaction(), read(statement, given)
    if apart:
        with _keeping:
            _lately[(db.engine, statement, *given.items())] = found
    return found


def read_lately(statement: Select[Any], given: dict[str, Any]) -> Facts:
    """What somebody read and kept less than LATELY_SECONDS ago, or else now: for what is read once more before it counts."""
    with _keeping:
        found = _lately.get((db.engine, statement, *given.items()))
    return read_and_keep(statement, given) if found is None else found


def _in_transaction() -> bool:
    return db.session.registry.has() and db.session().in_transaction()


def _read(statement: Select[Any], given: dict[str, Any]) -> Facts:
    return tuple(map(tuple, alone.rows(statement, given)))


@lru_cache(16)
def _processes(types: tuple[Any, ...], dialect: Dialect) -> tuple[Process, ...]:
    """What SQLAlchemy itself would do with each column's value."""
    return tuple(kind.dialect_impl(dialect).result_processor(dialect, None) for kind in types)
