"""Kill it anywhere (promise 13): at every point of every flow, with and without webhooks, whether or not the person comes back.

The points are counted, not listed: what a flow passes undisturbed is where it dies next. `python -m tests.crashes` takes all
of them on both databases; here it is one in ``EVERY``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import pytest

from tests.support.booking import do_not_pause
from tests.support.stripe import StripeServer

from .all_flows import FLOWS
from .desk_flows import DESK_FLOWS
from .flows import FLOWS as MAIN_FLOWS
from .matrix import Maker, Tally, die_everywhere
from .world import World

EVERY = {"sqlite": 9, "postgresql": 30}


@pytest.fixture
def make(
    new_database: Callable[..., str], tmp_path: Path, stripe_server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Maker]:
    """Makes one club after the other, each on a database of its own."""
    do_not_pause(monkeypatch)
    number = count()

    def made(webhooks: bool) -> AbstractContextManager[World]:
        return World.made(new_database(), tmp_path / f"mail-{next(number)}", stripe_server, webhooks=webhooks)

    yield made
    stripe_server.reset()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("webhooks", [True, False], ids=["webhooks", "silence"])
@pytest.mark.parametrize("name", MAIN_FLOWS)
def test_death_at_any_point_is_survived_on_sqlite(name: str, webhooks: bool, make: Maker) -> None:
    assert_survived(die_everywhere(name, webhooks, make, every=EVERY["sqlite"]))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", DESK_FLOWS)
def test_death_at_any_point_of_what_the_desk_does_is_survived_on_sqlite(name: str, make: Maker) -> None:
    assert_survived(die_everywhere(name, len(name) % 2 == 1, make, every=EVERY["sqlite"]))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("name", FLOWS)
def test_death_at_any_point_is_survived_on_postgresql(name: str, make: Maker) -> None:
    assert_survived(die_everywhere(name, len(name) % 2 == 0, make, every=EVERY["postgresql"]))


def assert_survived(tally: Tally) -> None:
    print(f"died at {tally.died} of {tally.points} points")
    assert not tally.lost, f"{len(tally.lost)} of {tally.died} deaths were not survived:\n" + "\n".join(tally.lost)
