"""What is due, looked up before anything is locked. Called by the worker's scans, each with a statement that is built once.

Almost always nothing is due: an idle worker asks each question in one message, takes no lock, and builds no SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
