"""What is due, looked up before anything is locked. Called by the worker's scans, each with a statement that is built once.

Almost always nothing is due: an idle worker asks each question in one message, takes no lock, and builds no SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import Executable, Row, Select

from ..queries import alone
from ..transaction import end_read


def rows(statement: Executable, **given: object) -> Sequence[Row[Any]]:
    """What it finds. Nothing stays open: whoever does what is due locks it and looks once more."""
    seen = alone.rows(statement, given)
    end_read()
    return seen


def found(statement: Select[Any], **given: object) -> list[Any]:
    """The first column of each row."""
    return [row[0] for row in rows(statement, **given)]


def each(ids: Sequence[int], work: Callable[[int], int]) -> int:
    """Do each by itself and add up what they did. One that fails is logged and stays due; it does not stop the others."""
    done = 0
    for one in ids:
        try:
            done += work(one)
        except Exception:
            current_app.logger.exception("%s %s failed; it stays due", getattr(work, "__name__", "work"), one)
    return done
