"""Rows as objects of their model that belong to no session: for what is read or written once and only looked at afterwards.

To have the session keep track of such a row took as long as to read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from sqlalchemy import inspect
from sqlalchemy.orm.attributes import instance_dict

from ..extensions import Base

M = TypeVar("M", bound=Base)


def loose(model: type[M], columns: Mapping[str, Any]) -> M:
    """The row that has these values, by the names of all its columns. Changing it changes nothing anywhere."""
    row = inspect(model).class_manager.new_instance()
    instance_dict(row).update(columns)
    return cast(M, row)
