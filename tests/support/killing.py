"""Death at a commit: the process is gone before or right after its nth. Called by tests of work that must go on after it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from sqlalchemy.orm import Session


class Killed(BaseException):
    """kill -9 at a commit."""


def killing(nth: int, *, after: bool) -> Any:
    """From now on the process dies before (or right after) its nth commit."""
    commit, left = Session.commit, [nth]

    def dangerous(self: Session) -> None:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Killed
        commit(self)
        if left[0] == 0:
            raise Killed

    return patch.object(Session, "commit", dangerous)
