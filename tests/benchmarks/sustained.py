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
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from tests.support import postgres
from tests.support.run import Run

from . import bare, filling, servers
from .asked import Asked
from .load import Connection, Measured, request, send_all
from .rush import FREE, hidden
from .table import Table

BOOKINGS, CLIENTS, WARM = 2_400, (8, 32), 50


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Free bookings of one session over so many connections, and the floors."""
    table = Table(f"{BOOKINGS} bookings of one session on {asked.kind}", ["what", "clients", "a second", "p50 ms", "p95 ms"])
    with filling.database(where, asked.kind, directory) as url:
        with filling.app_on(url):
            before, *slugs = [filling.sessions(1, capacity=1_000_000, **FREE)[0] for _ in (WARM, *CLIENTS)]
        with servers.muster(url, directory) as site:
            send_all(site.url, CLIENTS[0], asyncio.run(_checked(site.url, before))[:WARM])
            for clients, slug in zip(CLIENTS, slugs, strict=True):
                sent = asyncio.run(_checked(site.url, slug))
                measured = send_all(site.url, clients, sent)
                _row(table, "a booking: the POST of the form" + _failed(measured, 303), clients, measured)
        with servers.bare(url, directory) as floor:
            two, ten = urlencode({"email": "person@example.org"}).encode(), json.dumps({"id": "a"}).encode()
            as_json = {"Content-Type": "application/json"}
            send_all(floor.url, CLIENTS[0], [request(f"{floor.url}/take/{before}", body=two)] * WARM)
            for clients, slug in zip(CLIENTS, slugs, strict=True):
                measured = send_all(floor.url, clients, [request(f"{floor.url}/take/{slug}", body=two)] * BOOKINGS)
                _row(table, "bare site: two statements" + _failed(measured, 303), clients, measured)
            for clients in CLIENTS:
                told = request(f"{floor.url}/told/{before}", body=ten, headers=as_json)
                measured = send_all(floor.url, clients, [told] * BOOKINGS)
                _row(table, f"bare site: {bare.STATEMENTS} statements" + _failed(measured, 200), clients, measured)
        for clients in CLIENTS:
            alone = _pgbench if asked.kind == "postgresql" else _threads
            rate = alone(url, directory, slugs[0], clients, asked.seconds)
            table.row("the row alone: two statements", clients, f"{rate:.0f}", "", "")
    return table


async def _checked(site: str, slug: str) -> list[bytes]:
    """The last request of so many people, each with their own cookie and keys."""
    parts, sent = urlsplit(site), []
    connection = Connection(parts.hostname or "", parts.port or 80)
    address = f"{site}/sessions/{slug}/register"
    for number in range(BOOKINGS):
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


def _failed(measured: Measured, wanted: int) -> str:
    other = {status: count for status, count in measured.statuses.items() if status != wanted}
    return f" (others: {other})" if other else ""


def _row(table: Table, name: str, clients: int, measured: Measured) -> None:
    table.row(name, clients, f"{measured.rate:.0f}", f"{measured.percentile(50):.1f}", f"{measured.percentile(95):.1f}")
