"""Ways to write that never race: a guarded UPDATE that says whether it won, and an INSERT that a repeat does not repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, Update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..extensions import Base


def changed(db: Session, statement: Update) -> bool:
    """Run a guarded UPDATE; False when no row fitted its WHERE: somebody else won, or it was done before."""
    result = db.execute(statement.execution_options(synchronize_session=False))
    return isinstance(result, CursorResult) and result.rowcount > 0


def insert_once(db: Session, model: type[Base], key: InstrumentedAttribute[Any], **values: Any) -> bool:
    """INSERT … ON CONFLICT DO NOTHING: True when the row was inserted now, False when one with this ``key`` was there."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    # RETURNING and not rowcount: SQLAlchemy keeps no row count of an INSERT on PostgreSQL.
    statement = insert(model).values(**values).on_conflict_do_nothing(index_elements=[key]).returning(key)
    return db.execute(statement).first() is not None


def insert_all_once(db: Session, model: type[Base], key: InstrumentedAttribute[Any], rows: Sequence[dict[str, Any]]) -> None:
    """The same for many rows of the same columns, in one statement; those whose ``key`` is there already stay as they are."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    if rows:
        db.connection().execute(insert(model).on_conflict_do_nothing(index_elements=[key.key]), list(rows))
