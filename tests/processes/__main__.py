"""`python -m tests.processes --people 300 --database postgresql`: a storm of its own size; exit 1 when anything is wrong."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from tests.support import postgres
from tests.support.database import postgres_database, sqlite_database
from tests.support.run import Run

from .storm import blow


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-every", type=int, default=8, help="about how many people are done between two kills")
    parser.add_argument("--sites", type=int, default=1, help="so many machines around the one database")
    return parser


def main() -> int:
    given = arguments().parse_args()
    run = Run.begin()
    try:
        with ExitStack() as stack:
            there = run.directory / "storm"
            there.mkdir()
            made = sqlite_database(run, there) if given.database == "sqlite" else postgres_database(run, "storm")
            url = stack.enter_context(made)
            outcome = blow(
                url, there, people=given.people, seed=given.seed, at_once=given.at_once, kill_every=given.kill_every,
                sites=given.sites,
            )  # fmt: skip
    finally:
        postgres.stop(run.directory)
        run.end()
    print(f"{given.database}, seed {given.seed}: {outcome}")
    for line in outcome.wrong:
        print(f"  wrong: {line}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
