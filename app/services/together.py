"""Rows that PostgreSQL writes in one statement, which can end in the guarded UPDATE that they are written for.

A booking is five rows and the places it takes. One by one each of them is a message there and one back, while others wait.
Written together each row is there only if the one before it is, and the UPDATE finds its row only if all of them are: it says of
the whole whether it was done. Whoever asks the database for anything meanwhile has them written first, and meets them there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from inspect import unwrap
from typing import Any, cast

from sqlalchemy import CTE, BindParameter, ColumnClause, Select, Sequence, Table, Update, bindparam, exists, select
from sqlalchemy import literal_column as literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from sqlalchemy.schema import Column
from sqlalchemy.sql.functions import Function

from .. import clock
from ..extensions import Base
from ..transaction import Overtaken, connection_of, held, hold, let_go

Model = type[Base]
Numbers = Mapping[Model, int]
"""The id that the next row of each has, by ``drawn``."""
Shape = tuple[Model, tuple[tuple[str, str | int], ...]]
"""A row: its columns, each with the parameter that gives it, or with the number that it always has. All others are NULL."""
NOW = "now"
"""The parameter of the moment that all of them are written at."""


class Drawn(int):
    """The id of a row that is not written yet. The rows that name it are given it once."""

    parameter: str


class Together:
    """The rows of one transaction that are not written yet."""

    def __init__(self, session: Session, numbers: Numbers) -> None:
        self._session, self._numbers, self._shapes = session, {}, []  # type: Session, dict[Model, Drawn], list[Shape]
        self._given: dict[str, Any] = {NOW: clock.now()}
        for model, number in numbers.items():
            self._numbers[model] = drawn = Drawn(number)
            drawn.parameter = f"id_{model.__tablename__}"

    def numbered(self, model: Model, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Keep a row; what it is, with its id. None: nobody drew a number for it."""
        number = self._numbers.pop(model, None)
        return None if number is None else self.kept(model, {"id": number, **values})

    def kept(self, model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a row whose id nobody asks for; what it is."""
        row = dict(values)
        sources: dict[str, str | int] = {name: self._parameter(value) for name, value in values.items() if value is not None}
        for name, made in _defaults(model):
            if name not in values:
                row[name], sources[name] = self._made(made)
        self._shapes.append((model, tuple(sources.items())))
        return row

    def _made(self, made: int | Callable[[], Any]) -> tuple[Any, str | int]:
        """A value that was not given, and where the statement has it from."""
        if isinstance(made, int):
            return made, made
        if made is clock.now:
            return self._given[NOW], NOW
        value = made()
        return value, self._parameter(value)

    def _parameter(self, value: Any) -> str:
        name = value.parameter if isinstance(value, Drawn) else f"p{len(self._given)}"
        self._given[name] = int(value) if isinstance(value, Drawn) else value
        return name

    def write(self) -> None:
        """Write them now, by themselves. Raises Overtaken when one of them was there."""
        let_go(self._session)
        if self._shapes and not connection_of(self._session).execute(_alone(tuple(self._shapes)), self._given).scalar_one():
            raise Overtaken

    def write_with(self, statement: Update, given: Mapping[str, Any]) -> bool:
        """Write them with a guarded UPDATE: False when it found no row, or when one of them was there."""
        let_go(self._session)
        whole = _whole(tuple(self._shapes), statement) if self._shapes else statement
        return connection_of(self._session).execute(whole, {**self._given, **given}).rowcount > 0


def keep(db: Session, numbers: Numbers) -> None:
    """From here on rows are kept, until anything is asked of the database or the transaction ends."""
    hold(db, Together(db, numbers))


def waiting(db: Session) -> Together | None:
    """The rows of the open transaction that are kept."""
    return cast(Together | None, held(db))


def drawn(*models: Model) -> list[Function[int]]:
    """SQL for PostgreSQL: an id for the next row of each."""
    return [Sequence(f"{model.__tablename__}_id_seq").next_value() for model in models]


@cache
def _defaults(model: Model) -> list[tuple[str, int | Callable[[], Any]]]:
    """What the model gives a row that was not given it: a number, or what makes it."""
    columns = cast(Table, model.__table__).c
    return [(column.key, _default(column.default)) for column in columns if column.default is not None]


def _default(default: Any) -> int | Callable[[], Any]:
    if default.is_callable:
        return clock.now if unwrap(default.arg) is clock.now else partial(default.arg, None)
    return default.arg if type(default.arg) is int else lambda: default.arg


@cache
def _whole(shapes: tuple[Shape, ...], statement: Update) -> Update:
    # What changes with each change of a row SQLAlchemy leaves out of a statement that inserts as well.
    changes = [column for column in cast(Table, statement.table).c if column.onupdate is not None]
    now = {column.key: bindparam(NOW, type_=column.type) for column in changes}
    return statement.where(exists().select_from(_written(shapes))).values(now)


@cache
def _alone(shapes: tuple[Shape, ...]) -> Select[tuple[bool]]:
    return select(exists().select_from(_written(shapes)))


def _written(shapes: tuple[Shape, ...]) -> CTE:
    """Each row if the one before it is there: the last is there if all are."""
    rows: list[CTE] = []
    for model, sources in shapes:
        table = cast(Table, model.__table__)
        row = select(*(_source(table.c[name], source) for name, source in sources)).select_from(*rows[-1:])
        names = [name for name, _ in sources]
        one = postgresql.insert(table).from_select(names, row, include_defaults=False).on_conflict_do_nothing()
        rows.append(one.returning(literal("1")).cte(f"row_{len(rows)}"))
    return rows[-1]


def _source(column: Column[Any], source: str | int) -> BindParameter[Any] | ColumnClause[Any]:
    return bindparam(source, type_=column.type) if isinstance(source, str) else literal(str(source))
