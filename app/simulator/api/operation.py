"""What an API operation is: a method and path, a name for faults and counts, its parameters, and what it does.

Declared in the files beside this one; bound to URLs by `api.dispatch`.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..core import Cause, Core
from ..errors import no_such
from ..expansion import show
from ..schema import Fields, Many, Text
from ..store import Json, Record

EXPAND = Many(Text())


@dataclass(frozen=True)
class Call:
    """One request on its way through an operation."""

    core: Core
    params: Json
    id: str
    cause: Cause
    base_url: str
    path: str

    def record(self, kind: str, param: str = "id") -> Record:
        """The object the URL names, or Stripe's 404."""
        record = self.core.store.get(kind, self.id)
        if record is None:
            raise no_such(kind.replace("promotion_code", "promotion code"), self.id, param, 404)
        return record

    def show(self, record: Record) -> Json:
        """The object as the API shows it now."""
        return show(self.core, record)


@dataclass(frozen=True)
class Operation:
    """`path` may hold one `<id>`."""

    method: str
    path: str
    name: str
    act: Callable[[Call], Json]
    params: Fields = field(default_factory=lambda: Fields({"expand": EXPAND}))


def retrieve(path: str, name: str, kind: str, param: str = "id") -> Operation:
    """GET of one object by its id."""

    def act(call: Call) -> Json:
        return call.show(call.record(kind, param))

    return Operation("GET", f"{path}/<id>", name, act)


