"""Of the first requests for a page one goes ahead, and those beside it wait a moment. Called by ``create_app``.

The first time a page is asked for, its statements are compiled, its templates loaded and its words looked up. When a rush meets a
process that has just started, every thread would do all of that at once, for nothing: one does it for the others.
"""

from __future__ import annotations

from threading import Event
from typing import Any

from flask import Flask, request

PATIENCE_SECONDS = 0.3
"""Nobody waits longer: what takes that long waits for something else, such as Stripe."""


def init_first_requests(app: Flask) -> None:
    """Register the hooks: before any that asks the database, so that who waits holds nothing yet."""
    done: dict[str, Event] = {}

    def wait_for_the_first() -> None:
        if (first := done.get(request.endpoint or "")) is None:
            mine = Event()
            first = done.setdefault(request.endpoint or "", mine)  # of two at once one is the first
            if first is mine:
                return
        if not first.is_set():
            first.wait(PATIENCE_SECONDS)
            first.set()

    def be_followed(response: Any) -> Any:
        if (first := done.get(request.endpoint or "")) is not None:
            first.set()
        return response

    app.before_request(wait_for_the_first)
    app.after_request(be_followed)
