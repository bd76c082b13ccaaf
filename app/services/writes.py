"""Ways to write that never race: a guarded UPDATE that says whether it won, and an INSERT that a repeat does not repeat.

What every booking and every payment runs is built once and kept (``cache``): SQLAlchemy took longer to build such a statement
than the database to run it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, Insert, Integer, Table, Update, bindparam, insert, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlalchemy.sql.selectable import TypedReturnsRows

from ..extensions import Base
from ..transaction import Overtaken, connection_of
from . import together
from .loose_rows import loose

M = TypeVar("M", bound=Base)
T = TypeVar("T")


def taking(taken: InstrumentedAttribute[int], most: InstrumentedAttribute[Any], *guards: ColumnElement[bool]) -> Update:
    """The statement that takes ``more`` of what the row ``of_row`` counts in ``taken``, never more than ``most`` of it in all.

    For ``changed``, made once. Guarded, so that no interleaving takes what is not there. ``most`` NULL: there is no end of it.
    """
    row, after = taken.class_, taken + bindparam("more", type_=Integer)
    fits = (row.id == bindparam("of_row"), or_(most.is_(None), after <= most))
    return update(row).where(*fits, *guards).values({taken.key: after})


def changed(db: Session, statement: Update, given: Mapping[str, Any] | None = None) -> bool:
    """Run a guarded UPDATE; False when no row fitted its WHERE: somebody else won, or it was done before."""
    return connection_of(db).execute(statement, given).rowcount > 0


def changed_last(db: Session, statement: Update, given: Mapping[str, Any]) -> bool:
    """The same, in one statement with the rows that are kept for it (``together``): False as well when one of them was there."""
    return kept.write_with(statement, given) if (kept := together.waiting(db)) else changed(db, statement, given)


def moved(db: Session, model: type[Base], row_id: int, before: Collection[StrEnum], **values: Any) -> bool:
    """Change one row if its status is one of ``before``; False when it is not. What the session holds of the row changes too."""
    if not changed(db, _move(model, tuple(values), frozenset(before)), _moving(row_id, values)):
        return False
    _follow(db, model, row_id, values)
    return True


def moved_saying(
    db: Session, says: ColumnElement[T], model: type[Base], row_id: int, before: Collection[StrEnum], **values: Any
) -> T | None:
    """The same, with what ``says`` (SQL over the row, made once) is when the row has been moved; None when it was not."""
    statement = _move_saying(says, model, tuple(values), frozenset(before))
    row = connection_of(db).execute(statement, _moving(row_id, values)).first()
    if row is None:
        return None
    _follow(db, model, row_id, values)
    return cast(T, row[0])


def _moving(row_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"of_row": row_id} | {f"to_{name}": value for name, value in values.items()}


def _follow(db: Session, model: type[Base], row_id: int, values: Mapping[str, Any]) -> None:
    if (held := db.identity_map.get(identity_key(model, row_id))) is not None:
        for name, value in values.items():
            set_committed_value(held, name, value)


@cache
def _move_saying(
    says: ColumnElement[Any], model: type[Base], names: tuple[str, ...], before: frozenset[StrEnum]
) -> TypedReturnsRows[Any]:
    return _move(model, names, before).returning(says)


@cache
def _move(model: type[Base], names: tuple[str, ...], before: frozenset[StrEnum]) -> Update:
    table = _table(model)
    stands = or_(*(table.c.status == status for status in sorted(before)))  # an IN would be written anew at each run
    one = update(table).where(table.c.id == bindparam("of_row"), stands)
    return one.values({name: bindparam(f"to_{name}") for name in names})


def inserted(db: Session, model: type[Base], **values: Any) -> int:
    """INSERT one row; its id. Raises Overtaken when another row has a key of it: the same was written before, or a name drawn
    twice."""
    if row := _numbered(db, model, values):
        return cast(int, row["id"])
    return _id_of(connection_of(db).execute(_insert(model, _dialect(db)), values))


def written(db: Session, model: type[M], **values: Any) -> M:
    """The same; the whole row as it stands now, for who goes on with it in this transaction. It belongs to no session.

    Only its id comes back: all else was given or is the default of its column, as the statement itself says.
    """
    if row := _numbered(db, model, values):
        return loose(model, {**_nothing(model), **row})
    result = connection_of(db).execute(_insert(model, _dialect(db)), values)
    given = cast(Mapping[str, Any], result.last_inserted_params())
    return loose(model, {**_nothing(model), **given, "id": _id_of(result)})


def _numbered(db: Session, model: type[Base], values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row, where it is kept to be written together with others."""
    return kept.numbered(model, values) if (kept := together.waiting(db)) else None


@cache
def _nothing(model: type[Base]) -> dict[str, None]:
    return dict.fromkeys(_table(model).c.keys())


def _id_of(result: CursorResult[Any]) -> int:
    if (row := result.first()) is None:
        raise Overtaken
    return int(row[0])


def added_all(db: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """INSERT rows of the same columns whose ids nobody asks for, in this order."""
    if kept := together.waiting(db):
        for row in rows:
            kept.kept(model, row)
    else:
        connection_of(db).execute(_add(model), rows if len(rows) > 1 else rows[0])


@cache
def _add(model: type[Base]) -> Insert:
    return insert(_table(model)).inline()


@cache
def _insert(model: type[Base], dialect: str) -> Insert:
    # An error of the database would say in its log whose address it is.
    return cast(Insert, _insert_on(dialect)(_table(model)).on_conflict_do_nothing().returning(_table(model).c.id))


def insert_once(db: Session, model: type[Base], key: InstrumentedAttribute[Any], **values: Any) -> bool:
    """INSERT … ON CONFLICT DO NOTHING: True when the row was inserted now, False when one with this ``key`` was there.

    Beside rows that are kept to be written together it is about one of them, and new as they are.
    """
    if kept := together.waiting(db):
        kept.kept(model, values)
        return True
    return connection_of(db).execute(_insert_once(model, key.key, _dialect(db)), values).rowcount > 0


@cache
def _insert_once(model: type[Base], key: str, dialect: str) -> Insert:
    one = _insert_on(dialect)(_table(model)).on_conflict_do_nothing(index_elements=[key]).inline()
    return cast(Insert, one.execution_options(preserve_rowcount=True))


def _insert_on(dialect: str) -> Any:
    return postgresql.insert if dialect == "postgresql" else sqlite.insert


def _dialect(db: Session) -> str:
    return connection_of(db).dialect.name


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


def insert_all_once(db: Session, model: type[Base], key: InstrumentedAttribute[Any], rows: Sequence[dict[str, Any]]) -> None:
    """The same for many rows of the same columns, in one statement; those whose ``key`` is there already stay as they are."""
    if rows:
        insert = _insert_on(_dialect(db))
        connection_of(db).execute(insert(model).on_conflict_do_nothing(index_elements=[key.key]), list(rows))
