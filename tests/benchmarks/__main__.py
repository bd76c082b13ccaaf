"""`python -m tests.benchmarks [NAME …]`: measure and print tables of ratios. Nothing here passes or fails.

Called by people. The figures of one run belong together; those of two runs, or of two machines, do not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tests.support import postgres
from tests.support.run import Run

from . import costs, growth, pages, rush, statements, sustained, webhooks
from .asked import Asked
from .table import Table

KINDS: dict[str, Callable[[Run, Path, Asked], Table]] = {
    "pages": pages.run, "statements": statements.run, "rush": rush.run, "sustained": sustained.run, "webhooks": webhooks.run,
    "growth": growth.run, "costs": costs.run,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Ratios measured beside a floor.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(KINDS)} (default: all)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each round of load lasts")
    parser.add_argument("--people", type=int, default=300, help="how many come at once in a rush for 100 places")
    given = parser.parse_args()
    if unknown := set(given.names) - set(KINDS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    where, asked = Run.begin(on_disk=True), Asked(given.database, given.seconds, given.people)
    try:
        for name in given.names or KINDS:
            print(KINDS[name](where, where.directory / name, asked), flush=True)
    finally:
        postgres.stop(where.directory)
        where.end()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
