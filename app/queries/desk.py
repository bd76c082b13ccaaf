"""What the desk's lists share: one page of a list in two statements, however long the list is. Called by the desk's queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row, Select, func, literal_column, select

from ..extensions import db

T = TypeVar("T")

PAGE_SIZE = 50
COUNTED = 10_000
"""A page counts no further: of a million rows that would take longer than all else on it. Filters and sorting reach the rest."""
FAR = 500
"""So many rows into a list, passing over them costs more than finding them twice."""
AT_ONCE = 500
"""So many rows of a stream are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of ``total`` lines: those of page ``number``, counted from 1. ``total`` above COUNTED: nobody counted how many."""

    items: Sequence[T]
    number: int
    total: int
    size: int = PAGE_SIZE

    @property
    def more(self) -> bool:
        """Whether there are more lines than were counted."""
        return self.total > COUNTED

    @property
    def counted(self) -> int:
        return min(self.total, COUNTED)

    @property
    def pages(self) -> int:
        return pages_of(self.counted, self.size)

    @property
    def first(self) -> int:
        """The position of the first line shown, from 1; 0 when there is none."""
        return (self.number - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.number * self.size, self.counted)


def pages_of(total: int, size: int = PAGE_SIZE) -> int:
    """How many pages that many lines fill; an empty list has one."""
    return max(1, -(-total // size))


def rows_of_page(
    statement: Select[Any], number: int, size: int = PAGE_SIZE, *, keys: Select[Any] | None = None
) -> tuple[Sequence[Row[Any]], int, int]:
    """The rows of one page, its number and how many rows there are, as far as they are counted. Past the end is the last page.

    ``keys``: the same rows in the same order by their key alone. They are counted, and far into the list they are passed over,
    instead of rows with all that stands in them.
    """
    total = _counted(statement if keys is None else keys)
    number = min(max(1, number), pages_of(min(total, COUNTED), size))
    passed = (number - 1) * size
    if keys is None or passed < FAR:
        return db.session.execute(statement.limit(size).offset(passed)).all(), number, total
    (key,) = keys.selected_columns
    return db.session.execute(statement.where(key.in_(keys.limit(size).offset(passed)))).all(), number, total


def _counted(statement: Select[Any]) -> int:
    rows = statement.with_only_columns(literal_column("1"), maintain_column_froms=True).order_by(None).limit(COUNTED + 1)
    return int(db.session.execute(select(func.count()).select_from(rows.subquery())).scalar_one())


def count_of(statement: Select[Any]) -> int:
    """How many rows a statement has. One statement."""
    counting = statement.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return int(db.session.execute(counting).scalar_one())


def stream(statement: Select[Any]) -> Iterator[Row[Any]]:
    """The rows of a statement, a few hundred in memory at a time. One statement, read while it is iterated."""
    yield from db.session.execute(statement.execution_options(yield_per=AT_ONCE))
