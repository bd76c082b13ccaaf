"""The account itself: settings, clock, store, what is due later, and the events that tell others.

Every act takes a `Core`; the API, the pages and the control share one.
"""
from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .clock import Clock
from .ids import new_id
from .objects.endpoint import build_endpoint
from .objects.event import build_event
from .outgoing import Outgoing
from .settings import Settings
from .store import Json, Record, Store


class Cause(NamedTuple):
    """What made something happen: a request and its idempotency key, or neither."""

    request_id: str | None = None
    idempotency_key: str | None = None


NOBODY = Cause()
Turn = Callable[["Core", Record], None]


class Core:
    """State and its two ways of change: acts under `changes()`, and time passing (`tick`)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock(settings.frozen_at)
        self.store = Store(settings.path)
        self.base_url = settings.base_url
        self.outgoing = Outgoing(self.store, self.clock, settings)
        self.refunds_stay_pending = False
        self.redirect_waits = settings.redirect_waits
        self._turns: dict[str, Turn] = {}
        self._agenda: list[tuple[int, str, str]] = []
        if state := self.store.recall("clock"):
            self.clock.restore(state)
        self._add_endpoints()

    def _add_endpoints(self) -> None:
        """The endpoints of the settings replace those of an earlier run, which may have had other addresses."""
        with self.store.changes():
            for old in self.store.all("webhook_endpoint"):
                if old.private.get("from_settings"):
                    self.store.remove(old.kind, old.id)
            for i, target in enumerate(self.settings.webhooks):
                endpoint = build_endpoint(target.url, list(target.enabled_events or ["*"]), {}, self.clock.now())
                # A fixed id lets deliveries that were pending before a restart find their endpoint again.
                endpoint["id"] = f"we_{i:024d}"
                self.store.add("webhook_endpoint", endpoint, {"secrets": list(target.secrets), "from_settings": True})

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Hold the lock, with everything done that the clock has made due."""
        with self.store.changes():
            self.tick()
            yield

    def emit(self, kind: str, record: Record, cause: Cause = NOBODY, previous: Json | None = None) -> Record:
        """Record an event with a snapshot of the object as it is now, and owe it to every endpoint that wants it."""
        event = self.store.add("event", build_event(kind, record.object, self.clock.now(), cause, previous))
        self.outgoing.owe(event)
        return event

    def when(self, kind: str, turn: Turn) -> None:
        """Say what happens to a due record of a kind."""
        self._turns[kind] = turn

    def schedule(self, at: int, record: Record) -> None:
        """Have `when`'s turn called for this record once the clock reaches `at`."""
        heapq.heappush(self._agenda, (at, record.kind, record.id))

    def tick(self) -> int:
        """Let everything that is due happen; returns how many turns were taken."""
        taken = 0
        with self.store.changes():
            while self._agenda and self._agenda[0][0] <= self.clock.now():
                _, kind, id_ = heapq.heappop(self._agenda)
                record = self.store.get(kind, id_)
                if record is not None:
                    self._turns[kind](self, record)
                    taken += 1
        return taken

    def replan(self) -> None:
        """After a start: what the store holds becomes due again at its time."""
        with self.store.changes():
            for session in self.store.all("checkout.session"):
                if session.object["status"] == "open":
                    self.schedule(session.object["expires_at"], session)
            for refund in self.store.all("refund"):
                if refund.private.get("turn", "none") != "none":
                    self.schedule(refund.object["created"] + self.settings.refund_turn_seconds, refund)
            self.tick()

    def remember_clock(self) -> None:
        """Keep the clock for a restart, and let what became due happen."""
        with self.store.changes():
            self.store.remember("clock", self.clock.state())
            self.tick()
        self.outgoing.wake()

    def reset(self) -> None:
        """An empty account again, with the endpoints of the settings and the clock as configured."""
        with self.store.changes():
            self.store.clear()
            self._agenda.clear()
            self.outgoing.reset()
            self.refunds_stay_pending, self.redirect_waits = False, self.settings.redirect_waits
            self.clock.restore({"offset": 0, "frozen_at": self.settings.frozen_at})
            self.store.remember("clock", self.clock.state())
            self._add_endpoints()

    def request_id(self) -> str:
        """A fresh `req_…`."""
        return new_id("req", 14)

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """The live objects of a kind, oldest first, for reading."""
        return [record.object for record in self.store.all(kind)]
