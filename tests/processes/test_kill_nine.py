"""kill -9 of site and workers while people register and pay: nothing oversold, lost or doubled (promise 13).

Small here; `python -m tests.processes --people 300 --database postgresql --sites 2` blows harder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .storm import blow


@pytest.mark.databases("sqlite")
def test_killed_processes_lose_and_double_nothing(new_database: Callable[..., str], tmp_path: Path) -> None:
    outcome = blow(new_database(), tmp_path, people=40, seed=1, kill_every=5)
    print(outcome)
    assert outcome.wrong == []
    assert sum(outcome.killed.values()) >= 4 and outcome.captured >= 5, f"too calm a storm: {outcome}"


@pytest.mark.databases("postgresql")
def test_two_machines_lose_and_double_nothing_when_one_of_each_dies(new_database: Callable[..., str], tmp_path: Path) -> None:
    """Each request goes to another machine; a whole site and a worker die in the middle; no machine sees the other's disk."""
    outcome = blow(new_database(), tmp_path, people=24, seed=2, kill_every=4, sites=2)
    print(outcome)
    assert outcome.wrong == []
    assert outcome.killed["machine"] and outcome.killed["worker"] and outcome.captured >= 3, f"too calm a storm: {outcome}"
