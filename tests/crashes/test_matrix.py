"""Kill it anywhere (promise 13): at every point of every flow, with and without webhooks, whether or not the person comes back.

The points are counted, not listed: what a flow passes undisturbed is where it dies next. `python -m tests.crashes` takes all
of them on both databases; here it is one in ``EVERY``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import pytest

from tests.support.booking import do_not_pause
from tests.support.stripe import StripeServer

from .flows import FLOWS
from .matrix import die_everywhere
from .world import World

EVERY = {"sqlite": 6, "postgresql": 40}


@pytest.mark.parametrize("webhooks", [True, False], ids=["webhooks", "silence"])
@pytest.mark.parametrize("name", FLOWS)
def test_death_at_every_point_is_survived(
    name: str, webhooks: bool, database: str, new_database: Callable[..., str], tmp_path: Path, stripe_server: StripeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    do_not_pause(monkeypatch)
    number = count()

    def make(with_webhooks: bool) -> AbstractContextManager[World]:
        return World.made(new_database(), tmp_path / f"mail-{next(number)}", stripe_server, webhooks=with_webhooks)

    tally = die_everywhere(name, webhooks, make, every=EVERY[database])
    stripe_server.reset()
    print(f"{name}, {webhooks=}, {database}: died at {tally.died} of {tally.points} points")
    assert not tally.lost, f"{len(tally.lost)} of {tally.died} deaths were not survived:\n" + "\n".join(tally.lost)
