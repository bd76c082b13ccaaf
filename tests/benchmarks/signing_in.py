"""Signs somebody in over HTTP. Called by benchmarks that ask for the desk's pages."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode, urlsplit

from .load import Answer, Connection, request
from .rush import hidden


def signed_in(site: str, email: str, password: str) -> str:
    """The cookie of a browser in which this person is signed in."""
    form = asyncio.run(_ask(site, request(f"{site}/account/sign-in")))
    body = urlencode(hidden(form) | {"email": email, "password": password}).encode()
    answer = asyncio.run(_ask(site, request(f"{site}/account/sign-in", body=body, headers={"Cookie": form.cookie})))
    if answer.status != 303:
        raise AssertionError(f"signing in answered {answer.status}")
    return answer.cookie


async def _ask(site: str, sent: bytes) -> Answer:
    parts = urlsplit(site)
    connection = Connection(parts.hostname or "", parts.port or 80)
    try:
        return await connection.ask(sent)
    finally:
        await connection.close()
