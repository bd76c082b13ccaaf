"""Chance and acts: what every act of a history is given. Used by `acts`, `outside` and `history`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .history import Story


class Nothing(Exception):
    """There is nothing that this act could be done to."""


class Dice(random.Random):
    """Chance for one step, from the history's seed and the step's number alone."""

    def choice(self, options: Any) -> Any:
        if not options:
            raise Nothing
        return super().choice(options)


Act = Callable[["Story", Dice], object]
