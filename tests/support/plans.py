"""How the database would run what a function reads, as it says itself. Called by tests of indexes, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from app.extensions import db


def plans(look: Callable[[], Any]) -> str:
    """How the database would run each statement of ``look``, as it says itself; a small table is not read whole either."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        look()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    db.session.remove()
    postgresql = db.engine.dialect.name == "postgresql"
    with db.engine.connect() as connection:
        if postgresql:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
        return "\n".join(str(row) for sql, values in seen for row in connection.exec_driver_sql(explain + sql, values).all())
