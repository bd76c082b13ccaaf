"""One operating-system process that buys when told to, with an app, an engine and connections of its own.

Started by `test_processes.py` as ``python -m tests.concurrency.buyer URL NAME``; one JSON line in, one JSON line out:
``{"slug": …, "places": 1}`` buys; with ``"guard": false`` it first says ``{"looked": true}`` and writes at the next line.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import Any, TextIO

from app import clock, create_app
from app.rules.refusals import Refusal
from tests.concurrency import guards
from tests.concurrency.racing import buy
from tests.support.clock import FakeClock
from tests.support.database import dispose
from tests.support.settings import safe_settings


def serve(url: str, name: str, orders: TextIO, answers: TextIO) -> None:
    """Answer each order until there are no more."""

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    def looked() -> None:
        say({"looked": True})
        orders.readline()

    with clock.reading(FakeClock()):
        app = create_app(safe_settings(url))
        with app.app_context():
            dispose()
        say({"ready": True})
        while line := orders.readline():
            order = json.loads(line)
            with app.app_context(), ExitStack() as off:
                if not order.get("guard", True):
                    off.enter_context(guards.drivers_own_transactions())
                    if "sqlite" in url:
                        off.enter_context(guards.without_check())
                    off.enter_context(guards.check_then_update(looked))
                say(attempt(order, name))
        with app.app_context():
            dispose()


def attempt(order: dict[str, Any], name: str) -> dict[str, Any]:
    """Buy, and say what came of it in plain words."""
    work = buy(order["slug"], 0, email=f"{name}@example.org", attempt=f"{order['slug']}-{name}", places=order["places"])
    try:
        return {"outcome": work().outcome}
    except Refusal as refusal:
        return {"refusal": type(refusal).__name__}
    except Exception as error:
        return {"error": repr(error)}


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.stdin, sys.stdout)
