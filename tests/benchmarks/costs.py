"""What the site costs before anybody comes, what more workers bring, and whether it answers while Stripe hangs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from tests.support.run import Run

from . import filling, rush, servers
from .asked import Asked
from .load import Measured, hammer
from .table import Table

HANGING, HANGS_SECONDS = 30, 10.0


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Cold start and memory, one worker to four, and the session page while Checkouts hang."""
    table = Table(f"Costs on {asked.kind}", ["what", "figure"])
    with filling.database(where, asked.kind, directory) as url:
        with filling.app_on(url):
            slug, busy = filling.sessions(2)
        for workers in (1, 2, 4):
            with servers.muster(url, directory, workers=workers) as site:
                measured = hammer(f"{site.url}/sessions/{slug}", 8, asked.seconds)
                memory = max(site.worker_memory())
                table.row(f"{workers} workers: session page a second", f"{measured.rate:.0f}")
                table.row(f"{workers} workers: start to first answer", f"{site.cold_seconds:.2f} s")
                table.row(f"{workers} workers: memory of a worker", f"{memory:.0f} MB")
        with servers.simulator(directory) as stripe, servers.muster(url, directory, stripe=stripe) as site:
            calm = hammer(f"{site.url}/sessions/{slug}", 4, asked.seconds)
            servers.control(stripe, "latency", seconds=HANGS_SECONDS)
            hanging = _while_hanging(site.url, busy, slug, asked.seconds)
            table.row("session page p95, Stripe well", f"{calm.percentile(95):.1f} ms")
            table.row(f"session page p95, {HANGING} Checkouts hanging", f"{hanging.percentile(95):.1f} ms")
    return table


def _while_hanging(site: str, busy: str, slug: str, seconds: float) -> Measured:
    """Ask for a page while so many people wait for Stripe."""

    async def people() -> None:
        came = rush.Rush()
        await asyncio.gather(*(rush.buyer(number, site, busy, came, 0.0) for number in range(HANGING)))

    crowd = threading.Thread(target=lambda: asyncio.run(people()))
    crowd.start()
    crowd.join(3.0)  # by then they have passed the form and wait
    measured = hammer(f"{site}/sessions/{slug}", 4, min(seconds, HANGS_SECONDS / 2))
    crowd.join()
    return measured
