"""Plays many histories: ``python -m tests.simulation --histories 10000 [--database postgresql]``.

Failing seeds are kept in seeds.txt and replayed first. ``--seed N`` plays one and tells its story; ``--shrink`` leaves out of it
what the failure does not need. Ctrl+C, or SIGTERM, ends it, and it says how far it came; it also says so on the way.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.database import migrate
from tests.support.settings import safe_settings

from .history import HistoryFailed, Story, play
from .mixture import STEPS
from .world import Database, World, running

ON_THE_WAY = 250
"""Histories after which it says how far it has come."""
SEEDS = Path(__file__).with_name("seeds.txt")


def kept_seeds() -> list[int]:
    """Seeds that failed once: each line a seed, and after it what it found."""
    lines = SEEDS.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


def keep(seed: int, what: str) -> None:
    with SEEDS.open("a") as file:
        file.write(f"{seed} {what}\n")


@contextmanager
def a_database(kind: str) -> Iterator[Database]:
    """A place for histories on SQLite or PostgreSQL."""
    if kind == "postgresql":
        from .on_postgres import postgres

        with postgres() as database:
            yield database
        return
    with tempfile.TemporaryDirectory(prefix="muster-simulation-") as name:
        directory = Path(name)
        template = directory / "template.sqlite"
        migrate(safe_settings(f"sqlite:///{template}"))
        (directory / "play").mkdir()
        yield Database.sqlite(template, directory / "play")


def shrink(world: World, seed: int, steps: int) -> tuple[set[int], str]:
    """Leave out whatever the failure does not need; returns the steps left out and the story that remains."""
    without: set[int] = set()
    told = ""
    size = max(1, steps // 2)
    while size:
        for first in range(0, steps, size):
            fewer = without | set(range(first, min(steps, first + size)))
            if fewer != without:
                try:
                    play(world, seed, steps=steps, without=fewer)
                except HistoryFailed as failure:
                    without, told = fewer, str(failure)
        size //= 2
    return without, told


def outcome(line: str) -> tuple[str, str]:
    """The act of a line of the story and the last word about it, names and numbers left out."""
    act, _, said = line.split(maxsplit=2)[2].partition(": ")
    return act.lstrip("0123456789 ").split(" ")[0], re.sub(r"[0-9]+|\b[A-Z][a-z][a-z] ", "", said)[:60]


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """0 when every history kept every promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, help="play this one only, and tell its story")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--outcomes", action="store_true", help="count what came of each kind of step")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed else [*kept_seeds(), *range(asked.first, asked.first + asked.histories)]
    failed, steps, deaths, began = 0, 0, Counter[str](), time.monotonic()
    outcomes = Counter[tuple[str, str]]()
    played = 0
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)  # in the background of a shell it is ignored
    with a_database(asked.database) as database, running(database) as world, suppress(KeyboardInterrupt):
        for seed in seeds:
            try:
                story: Story = play(world, seed, steps=asked.steps)
            except HistoryFailed as failure:
                played, failed = played + 1, failed + 1
                told = shrink(world, seed, asked.steps)[1] if asked.shrink else str(failure)
                print(told or failure, end="\n\n", flush=True)
                if seed not in kept_seeds() and not asked.seed:
                    keep(seed, str(failure).splitlines()[0].partition(": ")[2])
                continue
            played, steps = played + 1, steps + story.steps
            if played % ON_THE_WAY == 0:
                print(f"{played} histories, up to seed {seed}, {failed} failed", flush=True)
            outcomes.update(outcome(line) for line in story.log)
            if asked.seed:
                print("\n".join(story.log))
    deaths = world.deaths.happened
    if asked.outcomes:
        for (act, said), count in sorted(outcomes.items()):
            print(f"{count:6} {act}: {said}")
    seconds = time.monotonic() - began
    print(f"{played} histories on {asked.database}, {steps} steps, {sum(deaths.values())} deaths {dict(deaths)}, ", end="")
    print(f"{failed} failed, {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
