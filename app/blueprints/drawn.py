"""Pages as a visitor gets them, kept for as long as nothing in them has changed. Called by the routes of what everybody asks for.

What is shown is read afresh each time, by the page's own statements: equal facts make an equal page, so only the drawing is saved
and the places left are always exact. A page is drawn again at the next moment at which time itself changes what it says. A form
is kept without what in it belongs to one person, its CSRF token, its one-time key and what was typed; that is put in each time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import TLRUCache
from flask import Flask, Response, current_app, request
from flask_wtf.csrf import generate_csrf
from markupsafe import escape

from .. import clock
from ..queries.club_sessions import SessionView
from . import viewer
from .buyer_fields import fresh_attempt

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


@dataclass(frozen=True, slots=True)
class DrawnForm:
    """One form, cut where something of one person's stood: ``own`` says which of that stands between two pieces of ``body``."""

    body: tuple[str, ...]
    own: tuple[int, ...]
    until: float


class Kept:
    """One process's drawn pages, the least used forgotten first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: TLRUCache[Hashable, Any] = TLRUCache(
            maxsize=KEPT_BYTES, ttu=lambda _, page, __: page.until, timer=_seconds, getsizeof=_size
        )

    def get(self, key: Hashable) -> Any:
        """What was kept under this key, if it still says what is so."""
        with self._lock:
            return self._pages.get(key)

    def keep(self, key: Hashable, page: Drawn | DrawnForm) -> None:
        with self._lock:
            if _size(page) <= KEPT_BYTES:
                self._pages[key] = page


def _size(page: Drawn | DrawnForm) -> int:
    return sum(map(len, page.body)) if isinstance(page, DrawnForm) else len(page.body)


def init_drawn(app: Flask) -> None:
    """Called once, when the blueprint is registered."""
    app.extensions["muster_drawn"] = Kept()


def for_visitor(facts: Hashable, draw: Callable[[], Drawing]) -> Response:
    """The page that these facts make, drawn or remembered; 304 for a browser that has it. ``draw`` also says what it shows."""
    page = _page(facts, draw)
    response = Response(page.body, mimetype="text/html")
    response.set_etag(page.etag)
    response.cache_control.no_cache = True  # a browser asks each time, and is told in a few bytes that nothing has changed
    response.vary.add("Cookie")
    return response.make_conditional(request)


def answer_for_visitor(facts: Hashable, draw: Callable[[], Drawing]) -> bytes:
    """The same for what answers a form that was sent, and is nobody's to keep but ours."""
    return _page(facts, draw).body


def _page(facts: Hashable, draw: Callable[[], Drawing]) -> Drawn:
    kept: Kept = current_app.extensions["muster_drawn"]
    key = (request.endpoint, request.host_url, facts)
    page: Drawn | None = kept.get(key)
    if page is None:
        html, views = draw()
        body = html.encode()
        page = Drawn(body, hashlib.sha256(body).hexdigest()[:20], _until(views))
        kept.keep(key, page)
    return page


def form_for_visitor(facts: Hashable, draw: Callable[..., Drawing], *typed: str) -> str:
    """The form that these facts make for anybody who is not signed in, with this browser's CSRF token and what is its own alone.

    ``typed``: that, a one-time key or what a person wrote. ``draw`` is given a stand-in for each, to be shown as text and nothing
    more; it also says which sessions the form shows.
    """
    kept: Kept = current_app.extensions["muster_drawn"]
    key, token = (request.endpoint, request.host_url, facts), generate_csrf()
    form: DrawnForm | None = kept.get(key)
    if form is None:
        stand_ins = [fresh_attempt() for _ in typed]
        html, views = draw(*stand_ins)
        form = _cut(html, (token, *stand_ins), _until(views))
        kept.keep(key, form)
    own, (first, *rest) = [token, *map(escape, typed)], form.body
    return "".join([first, *(part for which, piece in zip(form.own, rest, strict=True) for part in (own[which], piece))])


def _cut(html: str, own: tuple[str, ...], until: float) -> DrawnForm:
    """Take what is a person's out. The stand-ins are long and random: nothing else on the page is equal to one."""
    pieces = re.split("(" + "|".join(map(re.escape, own)) + ")", html)
    return DrawnForm(tuple(pieces[::2]), tuple(map(own.index, pieces[1::2])), until)


def is_visitor() -> bool:
    """Whether nobody is signed in: nothing on a page but the keys of its forms is theirs alone."""
    return viewer.user_id() is None


def _until(views: Sequence[SessionView]) -> float:
    now = clock.now()
    quarter = (now.timestamp() // QUARTER + 1) * QUARTER
    return min([quarter, *(moment.timestamp() for view in views for moment in view.turning_points if moment > now)])


def _seconds() -> float:
    return clock.now().timestamp()
