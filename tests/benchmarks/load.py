"""Puts load on a server of this machine and says how it answered. Called by every benchmark that asks over HTTP.

One process, raw sockets, keep-alive: what it costs is the same for all that is compared in a run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from urllib.parse import urlsplit

APART = 0.005
"""Seconds between one connection and the next. Opened in one instant, all of them often fall to one worker, which then has them
for good; nobody's browsers do that, and a proxy opens a connection for each request.
"""


@dataclass
class Measured:
    """What one round of load came to. Times in seconds."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    size: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """The time within which so many of a hundred were answered, in milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000 if ordered else 0.0

    @property
    def failures(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cookie(self) -> str:
        return self.headers.get("set-cookie", "").partition(";")[0]


def request(url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """The bytes of one request; with a body it is a POST of a form unless the headers say otherwise."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if "Content-Type" not in (headers or {}):
            lines.append("Content-Type: application/x-www-form-urlencoded")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Connection:
    """One keep-alive connection, opened again when the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._at = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: bytes) -> Answer:
        try:
            return await self._ask(sent)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            return await self._ask(sent)

    async def _ask(self, sent: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._at)
        reader, writer = self._streams
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return Answer(int(head[0].split()[1]), headers, body)

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def hammer(url: str, connections: int, seconds: float, *, headers: dict[str, str] | None = None) -> Measured:
    """Ask for one address over so many connections for so long, after a short warm-up that is not counted."""
    asked = request(url, headers=headers)
    asyncio.run(_hammer(url, connections, min(1.0, seconds / 4), repeat(asked)))
    return asyncio.run(_hammer(url, connections, seconds, repeat(asked)))


def send_all(url: str, connections: int, requests: list[bytes]) -> Measured:
    """Send each of these once, over so many connections."""
    return asyncio.run(_hammer(url, connections, 3600.0, requests))


async def _hammer(url: str, connections: int, seconds: float, requests: Iterable[bytes]) -> Measured:
    measured, left, began = Measured(), iter(requests), time.perf_counter()
    parts = urlsplit(url)

    async def one(number: int) -> None:
        await asyncio.sleep(number * APART)
        connection = Connection(parts.hostname or "127.0.0.1", parts.port or 80)
        for sent in left:
            at = time.perf_counter()
            if at - began > seconds:
                break
            answer = await connection.ask(sent)
            measured.times.append(time.perf_counter() - at)
            measured.statuses[answer.status] += 1
            measured.size = len(answer.body)
        await connection.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    measured.seconds = time.perf_counter() - began
    return measured
