"""How fast pages answer, beside a bare Flask page of the same size under the same gunicorn. Called by the command line."""

from __future__ import annotations

from pathlib import Path

from tests.support.run import Run

from . import filling, servers
from .load import Measured, hammer
from .table import Table

CONNECTIONS = (1, 8, 32)


def run(where: Run, directory: Path, kind: str, seconds: float) -> Table:
    """The list of 200, the session page and the sold-out page, each beside its floor."""
    table = Table(f"Pages on {kind}", ["page", "connections", "a second", "p50 ms", "p95 ms", "p99 ms", "of its floor"])
    with filling.database(where, kind, directory) as url:
        with filling.app_on(url):
            slugs = filling.sessions(200)
            sold_out = filling.sessions(1, capacity=20, places_taken=20, title="Sold out")[0]
        with servers.bare(url, directory) as floor, servers.muster(url, directory) as site:
            pairs = [
                ("nothing (no database)", f"{floor.url}/nothing", f"{floor.url}/nothing"),
                ("session page", f"{site.url}/sessions/{slugs[0]}", f"{floor.url}/page/{slugs[0]}"),
                ("sold-out page", f"{site.url}/sessions/{sold_out}", f"{floor.url}/page/{sold_out}"),
                ("list of 200", f"{site.url}/", f"{floor.url}/list"),
                ("availability", f"{site.url}/sessions/{slugs[0]}/availability", f"{floor.url}/page/{slugs[0]}"),
            ]
            for name, ours, its_floor in pairs:
                for connections in CONNECTIONS:
                    lowest = hammer(its_floor, connections, seconds)
                    add(table, name, connections, hammer(ours, connections, seconds), lowest)
    return table


def add(table: Table, name: str, connections: int, measured: Measured, floor: Measured) -> None:
    """One row: the page and, in the line below it, its floor."""
    if measured.failures or floor.failures:
        name += f" ({measured.failures + floor.failures} failures)"
    table.row(name, connections, f"{measured.rate:.0f}", *_times(measured), f"{measured.rate / floor.rate:.0%}")
    table.row("  its floor", "", f"{floor.rate:.0f}", *_times(floor), "")


def _times(measured: Measured) -> list[str]:
    return [f"{measured.percentile(percent):.1f}" for percent in (50, 95, 99)]
