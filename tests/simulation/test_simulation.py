"""The short form of the simulation: every seed that ever failed, then 200 histories on SQLite and a few on PostgreSQL.

The long form is ``python -m tests.simulation --histories 10000``.
"""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import kept_seeds
from tests.simulation.history import HistoryFailed, play
from tests.simulation.promises import Broken
from tests.simulation.world import World

HISTORIES = 200
CHUNKS = 10
ON_POSTGRESQL = 6


def test_seeds_that_failed_once_keep_every_promise_now(world: World) -> None:
    for seed in kept_seeds():
        assert play(world, seed).log, f"seed {seed}: nothing happened"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_histories_keep_every_promise(world: World, chunk: int) -> None:
    for seed in range(1 + chunk, 1 + HISTORIES, CHUNKS):
        assert play(world, seed).log, f"seed {seed}: nothing happened"


def test_histories_keep_every_promise_on_postgresql(postgres_world: World) -> None:
    for seed in range(1, 1 + ON_POSTGRESQL):
        assert play(postgres_world, seed).log, f"seed {seed}: nothing happened"


def test_same_seed_is_the_same_history(world: World) -> None:
    """Else a failing seed could not be replayed."""
    assert play(world, 7).log == play(world, 7).log


def test_failing_history_tells_its_seed_and_story(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_seen: object) -> None:
        raise Broken("promise 10: as planned")

    monkeypatch.setattr("tests.simulation.calm.every_hold_has_ended", broken)
    with pytest.raises(HistoryFailed, match=r"(?s)^seed 3, Broken: promise 10: as planned.* register"):
        play(world, 3)
