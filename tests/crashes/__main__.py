"""`python -m tests.crashes`: dies at every point of every flow on both databases; exit 1 when a death was not survived."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.booking import do_not_pause
from tests.support.database import postgres_database, sqlite_database
from tests.support.run import Run
from tests.support.stripe import StripeServer

from .all_flows import FLOWS
from .matrix import Maker, Tally, die_everywhere
from .world import World


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--flow", help="part of the names of the flows to take (default: all)", default="")
    parser.add_argument("--every", type=int, default=1, help="die at each n-th point only")
    parser.add_argument("--point", type=int, help="die at this point only")
    return parser


def maker(run: Run, server: StripeServer, database: str) -> Maker:
    """Makes clubs on fresh databases."""

    @contextmanager
    def make(webhooks: bool) -> Iterator[World]:
        with tempfile.TemporaryDirectory(dir=run.directory) as place:
            there = Path(place)
            opened = sqlite_database(run, there) if database == "sqlite" else postgres_database(run, "crashes")
            with opened as url, World.made(url, there / "mail", server, webhooks=webhooks) as world:
                yield world

    return make


def main() -> int:
    given = arguments().parse_args()
    run, server, began = Run.begin(), StripeServer(), time.monotonic()
    total = Tally()
    with pytest.MonkeyPatch.context() as patched:
        do_not_pause(patched)
        try:
            for database in ["sqlite", "postgresql"] if given.database == "both" else [given.database]:
                make = maker(run, server, database)
                for name, webhooks in product((name for name in FLOWS if given.flow in name), (True, False)):
                    tally = die_everywhere(name, webhooks, make, every=given.every, only=given.point)
                    words = f"{database}, {name}, {'with' if webhooks else 'without'} webhooks"
                    print(f"{words}: died at {tally.died} of {tally.points} points", flush=True)
                    print("".join(f"  not survived: {line}\n" for line in tally.lost), end="", flush=True)
                    total.add(tally)
        finally:
            server.stop()
            postgres.stop(run.directory)
            run.end()
    seconds = time.monotonic() - began
    print(f"{total.points} points, {total.died} deaths, {len(total.lost)} not survived, {seconds:.0f} s")
    return 1 if total.lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
