"""Death at a chosen point: before or after each commit, each call of Stripe and each mail. Called by `World`.

The points of a flow are counted while it runs undisturbed; then it is run again and dies at the n-th.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from sqlalchemy.orm import Session

T = TypeVar("T")

CALLS = frozenset(
    {
        "create_checkout", "retrieve_checkout", "expire_checkout", "create_refund", "find_refund",
        "undelivered_events", "paid_checkouts", "refunds", "movements",
    }
)  # fmt: skip


class Death(BaseException):
    """kill -9, as far as the code can tell: nothing catches it, and nothing may be relied on afterwards."""


class Fate:
    """Counts the points while ``watching``, and kills at the chosen one."""

    def __init__(self) -> None:
        self.points: list[str] = []
        self._watching = False
        self._die_at: int | None = None

    @contextmanager
    def watching(self, die_at: int | None = None) -> Iterator[list[str]]:
        """Count from here, and raise Death at point ``die_at`` (from 0); None: let everything live."""
        self.points, self._die_at, self._watching = [], die_at, True
        try:
            yield self.points
        finally:
            self._watching = False

    def pass_by(self, point: str) -> None:
        """One point is reached."""
        if not self._watching:
            return
        self.points.append(point)
        if len(self.points) - 1 == self._die_at:
            self._watching = False
            raise Death(point)

    def around(self, name: str, work: Callable[..., T]) -> Callable[..., T]:
        """The work with a point before it and one after it."""

        def mortal(*args: Any, **kwargs: Any) -> T:
            self.pass_by(f"before {name}")
            result = work(*args, **kwargs)
            self.pass_by(f"after {name}")
            return result

        return mortal

    @contextmanager
    def over_commits(self) -> Iterator[None]:
        """Every commit of the app has its two points (app/transaction.py is the only place that commits)."""
        commit = Session.commit
        with patch.object(Session, "commit", lambda session: self.around("commit", commit)(session)):
            yield


class Mortal:
    """The gateway or the mailer, whose chosen methods have a point before and after each call."""

    def __init__(self, real: Any, fate: Fate, names: frozenset[str]) -> None:
        self._real, self._fate, self._names = real, fate, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._names:
            return found
        if name in ("undelivered_events", "paid_checkouts", "refunds", "movements"):
            return self._fate.around(name, lambda *args: iter(list(found(*args))))  # a list is read before it is used
        return self._fate.around(name, found)
