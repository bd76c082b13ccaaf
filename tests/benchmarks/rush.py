"""The rush: everybody comes at once for a few places, through every page a person sees. Called by the command line.

Beside it, the bare site asked for the same places with one request each and with as many as a booking takes, and the database
alone doing the same two statements.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from app.extensions import db
from tests.support.run import Run

from . import bare, filling, servers
from .asked import Asked
from .load import Answer, Connection, request
from .table import Table

PLACES = 100
FREE = {"member_price_cents": None, "non_member_price_cents": None}
KILLED_AFTER = 0.5
"""Seconds: when half of them are at the form."""
HIDDEN = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')
STRIPE_MS = 300


@dataclass
class Rush:
    """What came of it. ``sold_out`` is how many seconds it took until the last place went."""

    times: list[float] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    sold_at: list[float] = field(default_factory=list)

    @property
    def sold_out(self) -> float:
        return max(self.sold_at, default=0.0)

    def p95(self) -> float:
        ordered = sorted(self.times)
        return ordered[int(len(ordered) * 0.95)] * 1000 if ordered else 0.0


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Free places, paid places with a Stripe that takes its time, a worker killed in the middle, the floors."""
    headings = ["rush", "had a place", "seconds to sold out", "places a second", "p95 ms a request", "5xx", "oversold"]
    table, people = Table(f"{asked.people} people for {PLACES} places on {asked.kind}", headings), asked.people
    with filling.database(where, asked.kind, directory) as url:
        with filling.app_on(url):
            free, killed = (filling.sessions(1, capacity=PLACES, **FREE)[0] for _ in range(2))
            paid, least, walked = (filling.sessions(1, capacity=PLACES)[0] for _ in range(3))
        with servers.simulator(directory) as stripe:
            servers.control(stripe, "latency", seconds=STRIPE_MS / 1000)
            with servers.muster(url, directory, stripe=stripe) as site:
                row(table, "free, every page", asyncio.run(_muster(site.url, free, people)), _oversold(url, free))
                rushed = asyncio.run(_muster(site.url, paid, people))
                row(table, f"paid, Stripe takes {STRIPE_MS} ms", rushed, _oversold(url, paid))
                death = threading.Timer(KILLED_AFTER, lambda: os.kill(site.workers()[0], signal.SIGKILL))
                death.start()
                row(table, "free, a worker killed", asyncio.run(_muster(site.url, killed, people)), _oversold(url, killed))
                death.join()
        with servers.bare(url, directory) as floor:
            row(table, "bare site, one request", asyncio.run(_bare(floor.url, least, people)), _oversold(url, least))
            walk = asyncio.run(_bare(floor.url, walked, people, pages=3))
            row(table, "bare site, as many requests", walk, _oversold(url, walked))
        table.row("database alone, one client", "", "", f"{_database_alone(url):.0f}", "", "", "")
    return table


def row(table: Table, name: str, rush: Rush, oversold: int) -> None:
    """One line of the table."""
    failed = sum(count for end, count in rush.ends.items() if end.startswith("5"))
    pace = len(rush.sold_at) / rush.sold_out if rush.sold_out else 0.0
    table.row(name, len(rush.sold_at), f"{rush.sold_out:.2f}", f"{pace:.0f}", f"{rush.p95():.0f}", failed, oversold)


async def _muster(site: str, slug: str, people: int) -> Rush:
    rush, began = Rush(), time.perf_counter()
    await asyncio.gather(*(buyer(number, site, slug, rush, began) for number in range(people)))
    return rush


async def buyer(number: int, site: str, slug: str, rush: Rush, began: float) -> None:
    """One person: the page, the form, the check, and the button that takes the place."""
    browser = _Browser(site, number, rush)
    address = f"{site}/sessions/{slug}"
    await browser.get(address)
    form = hidden(await browser.get(f"{address}/register"))
    if "attempt" not in form:
        rush.ends["full"] += 1
        return await browser.close()
    typed = {"name": f"Person {number}", "email": f"person{number}-{slug}@example.org", "places": "1"}
    checked = await browser.post(f"{address}/register/check", form | typed)
    answer = await browser.post(f"{address}/register", hidden(checked) | typed) if checked.status == 200 else checked
    rush.ends[str(answer.status)] += 1
    if answer.status == 303:
        rush.sold_at.append(time.perf_counter() - began)
    await browser.close()


class _Browser:
    """One person's connection and cookie."""

    def __init__(self, site: str, number: int, rush: Rush) -> None:
        parts = urlsplit(site)
        self._connection, self._rush = Connection(parts.hostname or "", parts.port or 80), rush
        self._headers = {"X-Forwarded-For": f"10.9.{number // 250}.{number % 250}"}

    async def get(self, url: str) -> Answer:
        return await self._ask(request(url, headers=self._headers))

    async def post(self, url: str, form: dict[str, str]) -> Answer:
        return await self._ask(request(url, body=urlencode(form).encode(), headers=self._headers))

    async def _ask(self, sent: bytes) -> Answer:
        at = time.perf_counter()
        answer = await self._connection.ask(sent)
        self._rush.times.append(time.perf_counter() - at)
        if answer.cookie:
            self._headers["Cookie"] = answer.cookie
        return answer

    async def close(self) -> None:
        await self._connection.close()


def hidden(page: Answer) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return inputs(page.body.decode())


def inputs(page: str) -> dict[str, str]:
    """The same of a page as text."""
    found: dict[str, str] = {}
    for tag in HIDDEN.findall(page):
        attributes = dict(ATTRIBUTE.findall(tag))
        if attributes.get("type") == "hidden" and "name" in attributes:
            found.setdefault(attributes["name"], html.unescape(attributes.get("value", "")))
    return found


async def _bare(site: str, slug: str, people: int, *, pages: int = 0) -> Rush:
    """Everybody asks for a place, some after looking at so many pages as a booking takes."""
    rush, began = Rush(), time.perf_counter()

    async def buyer(number: int) -> None:
        browser = _Browser(site, number, rush)
        for _ in range(pages):
            await browser.get(f"{site}/page/{slug}")
        answer = await browser.post(f"{site}/take/{slug}", {"email": f"person{number}@example.org"})
        rush.ends[str(answer.status)] += 1
        if answer.status == 303:
            rush.sold_at.append(time.perf_counter() - began)
        await browser.close()

    await asyncio.gather(*(buyer(number) for number in range(people)))
    return rush


def _oversold(url: str, slug: str) -> int:
    """Places taken beyond the capacity, counted from the bookings themselves."""
    with filling.app_on(url):
        counted = sa.text(
            "SELECT COALESCE(SUM(r.places), 0) FROM registrations r JOIN club_sessions c ON c.id = r.club_session_id"
            " WHERE c.slug = :slug AND r.status IN ('held', 'offered', 'registered')"
        )
        return max(0, int(db.session.execute(counted, {"slug": slug}).scalar_one()) - PLACES)


def _database_alone(url: str, seconds: float = 2.0) -> float:
    """The guarded UPDATE and an INSERT, a commit each time, by one client without any web: how often a second."""
    with filling.app_on(url):
        slug = filling.sessions(1, capacity=1_000_000)[0]
    done, began = 0, time.perf_counter()
    engine = bare.engine_on(url)
    while time.perf_counter() - began < seconds:
        with engine.begin() as connection:
            connection.execute(bare.TAKE, {"slug": slug})
            connection.execute(bare.INSERT, {"email": "somebody@example.org"})
        done += 1
    engine.dispose()
    return done / (time.perf_counter() - began)
