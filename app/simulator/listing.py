"""Pages through a kind of object as Stripe's lists do: newest first, by cursor, with `has_more`.

Called by every list operation of the API.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core import Core
from .errors import ApiError
from .expansion import page, show
from .schema import Anything, Fields, Integer, Many, Reader, Text
from .store import Json, Record

_RANGE = Fields({name: Integer() for name in ("gt", "gte", "lt", "lte")})
_TESTS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


class Moment:
    """`created=1` or `created[gte]=1`."""

    def read(self, value: Any, name: str) -> Json:
        """Bounds by their names; a bare number bounds from both sides."""
        if isinstance(value, str):
            exact = Integer().read(value, name)
            return {"gte": exact, "lte": exact}
        return _RANGE.read(value, name)


PAGING: dict[str, Reader] = {
    "limit": Integer(1, 100),
    "starting_after": Text(),
    "ending_before": Text(),
    "expand": Many(Text()),
}
CREATED: dict[str, Reader] = {"created": Moment()}
IGNORED: dict[str, Reader] = {"customer": Anything(), "customer_account": Anything()}


def list_page(
    core: Core, kind: str, params: Json, url: str, keep: Callable[[Record], bool] = lambda record: True
) -> Json:
    """One page of what passes `keep` and the filter on `created`."""
    found = [r for r in reversed(core.store.all(kind)) if _in_range(r, params.get("created", {})) and keep(r)]
    items, has_more = _cut(found, params, kind)
    return page([show(core, record) for record in items], url, has_more)


def page_of_lines(lines: list[Json], params: Json, url: str) -> Json:
    """The same for line items, which are kept with their session and listed in their own order."""
    records = [Record("item", line["id"], i, line) for i, line in enumerate(lines)]
    items, has_more = _cut(records, params, "item")
    return page([record.object for record in items], url, has_more)


def _in_range(record: Record, bounds: Json) -> bool:
    return all(_TESTS[name](record.object["created"], bound) for name, bound in bounds.items())


def _cut(found: list[Record], params: Json, kind: str) -> tuple[list[Record], bool]:
    limit = params.get("limit", 10)
    ids = [record.id for record in found]
    if "ending_before" in params:
        end = _place(ids, params["ending_before"], kind, "ending_before")
        return found[max(0, end - limit) : end], end > limit
    start = _place(ids, params["starting_after"], kind, "starting_after") + 1 if "starting_after" in params else 0
    return found[start : start + limit], len(found) > start + limit


def _place(ids: list[str], id_: str, kind: str, param: str) -> int:
    if id_ not in ids:
        raise ApiError(400, f"No such {kind}: '{id_}'", code="resource_missing", param=param)
    return ids.index(id_)
