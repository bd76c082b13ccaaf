"""Looks at the database from outside: each look is a read of its own, so that it sees what others committed. Called by tests."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.extensions import Base, db

Row = TypeVar("Row", bound=Base)


def all_of(model: type[Row], **by: Any) -> list[Row]:
    """Every row with these values, by primary key, detached."""
    with Session(db.engine, expire_on_commit=False) as session:
        return list(session.scalars(select(model).filter_by(**by).order_by(*model.__table__.primary_key)))


def the(model: type[Row], **by: Any) -> Row:
    """The one row with these values; raises when there is none or more than one."""
    with Session(db.engine, expire_on_commit=False) as session:
        return session.scalars(select(model).filter_by(**by)).one()


def count_of(model: type[Base], **by: Any) -> int:
    """How many rows have these values."""
    with Session(db.engine) as session:
        return session.execute(select(func.count()).select_from(model).filter_by(**by)).scalar_one()
