"""How many bookings a second one session takes for as long as they last, beside its row in the database alone.

Called by the command line. Everybody has filled in the form and passed the check before the clock starts, and some have booked
another session, which wakes the workers: what is measured is the button that takes the place, what one row of the database can
bear, and what a bare site can do that runs the row's two statements, or ten that nobody else waits for.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from tests.support import postgres
from tests.support.run import Run

from . import bare, filling, servers
from .asked import Asked
from .load import Connection, Measured, request, send_all
from .rush import FREE, hidden
from .table import Table

BOOKINGS, ROUNDS, CLIENTS, WARM = 2_400, 3, (8, 32), 50
"""In so many rounds, of which each asks for everything in turn: what a machine does else in a minute falls on all of it."""


ROW = "the row alone: two statements"


@dataclass(frozen=True)
class Told:
    """What one thing did in one round: how often a second, and how it was answered over HTTP with what it should."""

    rate: float
    measured: Measured = field(default_factory=Measured)
    wanted: int = 303

    @property
    def others(self) -> int:
        """Answers that were something else."""
        return len(self.measured.times) - self.measured.statuses[self.wanted]


@dataclass(frozen=True)
class Ground:
    """Where a run takes place: Muster and the bare site on one database."""

    site: str
    floor: str
    database: str
    directory: Path
    asked: Asked


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Free bookings of one session over so many connections, and the floors."""
    headings = ["what", "clients", "a second", "of the row", "p50 ms", "p95 ms", "other answers"]
    table = Table(f"{BOOKINGS} bookings of one session on {asked.kind}, the median of {ROUNDS} rounds", headings)
    with filling.database(where, asked.kind, directory) as url:
        with filling.app_on(url):
            before = filling.sessions(1, capacity=1_000_000, **FREE)[0]
            slugs = [[filling.sessions(1, capacity=1_000_000, **FREE)[0] for _ in range(ROUNDS)] for _ in CLIENTS]
        with servers.muster(url, directory) as site, servers.bare(url, directory) as floor:
            ground = Ground(site.url, floor.url, url, directory, asked)
            send_all(site.url, CLIENTS[0], asyncio.run(_checked(site.url, before, WARM)))
            send_all(floor.url, CLIENTS[0], [_two(floor.url, before)] * WARM)
            for clients, of_rounds in zip(CLIENTS, slugs, strict=True):
                rounds = [_round(ground, slug, clients) for slug in of_rounds]
                for name in rounds[0]:
                    _row(table, name, clients, [told[name] for told in rounds], [told[ROW].rate for told in rounds])
    return table


def _round(ground: Ground, slug: str, clients: int) -> dict[str, Told]:
    """All of it once, by its name."""
    number, floor, asked = BOOKINGS // ROUNDS, ground.floor, ground.asked
    sent = asyncio.run(_checked(ground.site, slug, number))
    ten = request(f"{floor}/told/{slug}", body=json.dumps({"id": "a"}).encode(), headers={"Content-Type": "application/json"})
    booked = send_all(ground.site, clients, sent)
    two, told = (send_all(floor, clients, [one] * number) for one in (_two(floor, slug), ten))
    alone = _pgbench if asked.kind == "postgresql" else _threads
    return {
        "a booking: the POST of the form": Told(booked.rate, booked),
        "bare site: two statements": Told(two.rate, two),
        f"bare site: {bare.STATEMENTS} statements": Told(told.rate, told, wanted=200),
        ROW: Told(alone(ground.database, ground.directory, slug, clients, asked.seconds)),
    }


def _two(floor: str, slug: str) -> bytes:
    return request(f"{floor}/take/{slug}", body=urlencode({"email": "person@example.org"}).encode())


async def _checked(site: str, slug: str, people: int) -> list[bytes]:
    """The last request of so many people, each with their own cookie and keys."""
    parts, sent = urlsplit(site), []
    connection = Connection(parts.hostname or "", parts.port or 80)
    address = f"{site}/sessions/{slug}/register"
    for number in range(people):
        who = {"X-Forwarded-For": f"10.8.{number // 250}.{number % 250}"}
        form = await connection.ask(request(address, headers=who))
        who["Cookie"] = form.cookie
        typed = {"name": f"Person {number}", "email": f"person{number}-{slug}@example.org", "places": "1"}
        body = urlencode(hidden(form) | typed).encode()
        checked = await connection.ask(request(f"{address}/check", body=body, headers=who))
        sent.append(request(address, body=urlencode(hidden(checked) | typed).encode(), headers=who))
    await connection.close()
    return sent


def _pgbench(url: str, directory: Path, slug: str, clients: int, seconds: float) -> float:
    """The guarded UPDATE and an INSERT, a transaction each time, by PostgreSQL's own tool: how often a second."""
    at, script = sa.make_url(url), directory / "row.sql"
    taking, booking = (str(text).replace(":slug", f"'{slug}'").replace(":email", "'a@example.org'") for text in bare.TWO)
    script.write_text(f"BEGIN;\n{taking};\n{booking};\nEND;\n")
    where = ["-h", str(at.query.get("host", at.host)), "-U", str(at.username), "-p", str(at.port or 5432), str(at.database)]
    command = [str(postgres.binaries() / "pgbench"), "-n", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds))), "-f",
               str(script), *where]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own arguments
    return float(told.partition("tps = ")[2].split()[0])


def _threads(url: str, _directory: Path, slug: str, clients: int, seconds: float) -> float:
    """The same by so many threads of Python, which is how SQLite is written to."""
    engine, done, until = bare.engine_on(url, clients), [0] * clients, time.perf_counter() + seconds

    def client(number: int) -> None:
        while time.perf_counter() < until:
            with engine.begin() as connection:
                connection.execute(bare.TAKE, {"slug": slug})
                connection.execute(bare.INSERT, {"email": "somebody@example.org"})
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    return sum(done) / seconds


def _row(table: Table, name: str, clients: int, told: list[Told], rows: list[float]) -> None:
    shares = [each.rate / row for each, row in zip(told, rows, strict=True)]
    shown: list[object] = [f"{median(each.rate for each in told):.0f}", f"{median(shares):.1%}", "", "", ""]
    if name != ROW:
        shown[2:] = [f"{median(each.measured.percentile(percent) for each in told):.1f}" for percent in (50, 95)]
        shown.append(sum(each.others for each in told))
    table.row(name, clients, *shown)
