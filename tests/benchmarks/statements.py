"""How many statements each page and each step of a booking takes, and how long our own share of a checkout is.

Called by the command line. Counted and timed in this process, by Flask's client, with the local Stripe over HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.extensions import db
from app.integrations import gateway
from tests.support.client import OutsideClient
from tests.support.run import Run

from . import filling, servers
from .asked import Asked
from .rush import FREE, inputs
from .table import Table

TIMES = 40


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """The road from the page to Stripe, and to a free place."""
    table = Table(f"Statements on {asked.kind}", ["step", "statements", "p50 ms, without Stripe's answer"])
    with (
        filling.database(where, asked.kind, directory) as url,
        servers.simulator(directory) as stripe,
        filling.app_on(url, stripe=stripe) as app,
    ):
        app.test_client_class = OutsideClient
        for words, prices in (("free", FREE), ("paid", {"member_price_cents": None, "non_member_price_cents": 1200})):
            slug = filling.sessions(1, capacity=TIMES, **prices)[0]
            for step, (counted, times) in _Walk(app, words, slug).steps().items():
                table.row(f"{words}: {step}", max(counted), f"{median(times) * 1000:.1f}")
    return table


class _Walk:
    """So many people, one after the other, each through every step."""

    def __init__(self, app: Flask, words: str, slug: str) -> None:
        self._app, self._words, self._address = app, words, f"/sessions/{slug}"
        self._found: dict[str, tuple[list[int], list[float]]] = {}
        self._statements, self._waited = 0, 0.0

    def steps(self) -> dict[str, tuple[list[int], list[float]]]:
        """Statements and seconds of each, for each person."""
        door: Any = gateway()
        opened = door.create_checkout

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return opened(*args, **kwargs)
            finally:
                self._waited += time.perf_counter() - began

        door.create_checkout = timed
        sa.event.listen(db.engine, "before_cursor_execute", self._count)
        for number in range(TIMES):
            self._person(number)
        sa.event.remove(db.engine, "before_cursor_execute", self._count)
        door.create_checkout = opened
        return self._found

    def _person(self, number: int) -> None:
        browser, where = self._app.test_client(), {"REMOTE_ADDR": f"10.7.{number // 250}.{number % 250}"}
        typed = {"name": f"Person {number}", "email": f"{self._words}{number}@example.org", "places": "1"}
        self._step("session page", lambda: browser.get(self._address, environ_base=where))
        form = self._step("form", lambda: browser.get(f"{self._address}/register", environ_base=where))
        sent = typed | inputs(form)
        checked = self._step("check", lambda: browser.post(f"{self._address}/register/check", data=sent, environ_base=where))
        sent = typed | inputs(checked)
        self._step("register", lambda: browser.post(f"{self._address}/register", data=sent, environ_base=where))

    def _step(self, name: str, ask: Callable[[], Any]) -> str:
        self._statements, self._waited, began = 0, 0.0, time.perf_counter()
        answer = ask()
        if answer.status_code not in (200, 303):
            raise AssertionError(f"{name} answered {answer.status_code}")
        counted, times = self._found.setdefault(name, ([], []))
        counted.append(self._statements)
        times.append(time.perf_counter() - began - self._waited)
        return str(answer.text)

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        self._statements += not statement.startswith("BEGIN")
