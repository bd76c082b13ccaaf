"""Pages as a visitor without any cookie gets them, kept for as long as nothing in them has changed. Called by the routes here.

What is shown is read afresh each time, by the page's one statement: equal facts make an equal page, so only the drawing is saved
and the places left are always exact. A page is drawn again at the next moment at which time itself changes what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock

from cachetools import TLRUCache
from flask import Flask, Response, current_app, request

from ... import clock
from ...queries.club_sessions import SessionView

Drawing = tuple[str, Sequence[SessionView]]
"""A page, and the club sessions that it shows."""
KEPT_BYTES = 8_000_000
"""How much of drawn pages one process keeps."""
QUARTER = 900.0
"""Seconds: "today" changes at midnight, which is somewhere on a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One page. ``until``: seconds since the epoch at which it may say something else."""

    body: bytes
    etag: str
    until: float


class Kept:
    """One process's drawn pages, the least used forgotten first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: TLRUCache[Hashable, Drawn] = TLRUCache(
            maxsize=KEPT_BYTES, ttu=lambda _, page, __: page.until, timer=_seconds, getsizeof=lambda page: len(page.body)
        )

    def get(self, key: Hashable) -> Drawn | None:
        with self._lock:
            return self._pages.get(key)

    def keep(self, key: Hashable, page: Drawn) -> None:
        with self._lock:
            if len(page.body) <= KEPT_BYTES:
                self._pages[key] = page


def init_drawn(app: Flask) -> None:
    """Called once, when the blueprint is registered."""
    app.extensions["muster_drawn"] = Kept()


def for_visitor(facts: Hashable, draw: Callable[[], Drawing]) -> Response:
    """The page that these facts make, drawn or remembered; 304 for a browser that has it. ``draw`` also says what it shows."""
    kept: Kept = current_app.extensions["muster_drawn"]
    key = (request.endpoint, request.host_url, facts)
    page = kept.get(key)
    if page is None:
        html, views = draw()
        body = html.encode()
        page = Drawn(body, hashlib.sha256(body).hexdigest()[:20], _until(views))
        kept.keep(key, page)
    response = Response(page.body, mimetype="text/html")
    response.set_etag(page.etag)
    response.cache_control.no_cache = True  # a browser asks each time, and is told in a few bytes that nothing has changed
    response.vary.add("Cookie")
    return response.make_conditional(request)


def is_visitor() -> bool:
    """Whether whoever asks brings no cookie at all: nothing on their page is theirs alone."""
    return not request.cookies


def _until(views: Sequence[SessionView]) -> float:
    now = clock.now()
    quarter = (now.timestamp() // QUARTER + 1) * QUARTER
    return min([quarter, *(moment.timestamp() for view in views for moment in view.turning_points if moment > now)])


def _seconds() -> float:
    return clock.now().timestamp()


