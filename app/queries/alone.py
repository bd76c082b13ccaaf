"""One statement by itself, which is all that some pages ask. Called by queries, and by a use case that looks before it locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Row

from ..extensions import db


def rows(statement: Executable, given: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """What it finds. On PostgreSQL it is one message and no transaction, which to begin and to end would be two more; where the
    session reads in a transaction already, it is read there."""
    session = db.session()
    if session.in_transaction() or db.engine.dialect.name != "postgresql":
        return session.execute(statement, given).all()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return connection.execute(statement, given).all()
