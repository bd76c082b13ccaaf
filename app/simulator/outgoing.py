"""What is owed to webhook endpoints: one delivery per event and endpoint, and the switches that bend the way there.

`Core.emit` owes, `webhooks.Deliverer` pays, `control` turns the switches.
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from .clock import Clock
from .ids import new_id
from .settings import Settings, SignatureTime
from .store import Json, Record, Store

PENDING, DELIVERED, DROPPED, GIVEN_UP = "pending", "delivered", "dropped", "given_up"


@dataclass
class DropRule:
    """Lose the next `count` events (None: all of them), of these types (None: of any)."""

    count: int | None
    types: frozenset[str] | None


@dataclass
class Switches:
    """How the network and the sender misbehave just now."""

    held: bool = False
    held_types: frozenset[str] | None = None
    drops: list[DropRule] = field(default_factory=list)
    copies: int = 0
    delay: int = 0
    wrong_secret: int | None = 0  # how many tries are still signed wrongly; None: all
    only_types: frozenset[str] | None = None
    signature_time: SignatureTime = "wall"

    def holds(self, kind: str) -> bool:
        """Whether events of this type wait for `release`."""
        return self.held and (self.held_types is None or kind in self.held_types)


class Outgoing:
    """Deliveries live in the store, so that they outlast a restart; the switches do not."""

    def __init__(self, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self.switches = Switches(signature_time=settings.signature_time)
        self.changed = threading.Condition()
        self._pending: dict[str, Record] = {}
        self._by_event: dict[str, list[Record]] = {}
        for delivery in store.all("delivery"):
            self._index(delivery)

    def _index(self, delivery: Record) -> None:
        """Thousands of settled deliveries must not slow down the search for the next one."""
        self._by_event.setdefault(delivery.object["event"], []).append(delivery)
        if delivery.object["state"] == PENDING:
            self._pending[delivery.id] = delivery

    def wake(self) -> None:
        """Tell whoever waits that something is due or done."""
        with self.changed:
            self.changed.notify_all()

    def reset(self) -> None:
        """All switches as they were at the start, and nothing owed."""
        self._pending, self._by_event = {}, {}
        self.switches = Switches(signature_time=self._settings.signature_time)

    def owe(self, event: Record) -> list[Record]:
        """One delivery per endpoint that wants this type; lost ones are recorded as lost."""
        kind = event.object["type"]
        if self.switches.only_types is not None and kind not in self.switches.only_types:
            return []
        owed = []
        for endpoint in self._store.all("webhook_endpoint"):
            enabled = endpoint.object["enabled_events"]
            if "*" in enabled or kind in enabled:
                lost = self._is_dropped(kind)
                for _ in range(1 if lost else 1 + self.switches.copies):
                    owed.append(self.add(event, endpoint, DROPPED if lost else PENDING, self.switches.delay))
        event.object["pending_webhooks"] = len({d.object["endpoint"] for d in owed})
        self._store.save(event)
        self.wake()
        return owed

    def add(self, event: Record, endpoint: Record, state: str = PENDING, delay: int = 0) -> Record:
        """One more delivery of an event."""
        now = self._clock.now()
        delivery: Json = {
            "id": new_id("dlv"),
            "event": event.id,
            "type": event.object["type"],
            "endpoint": endpoint.id,
            "url": endpoint.object["url"],
            "state": state,
            "created": now,
            "next_at": now + delay,
            "order": event.position,
            "attempts": [],
        }
        record = self._store.add("delivery", delivery)
        self._index(record)
        return record

    def close(self, delivery: Record, state: str) -> None:
        """A delivery that need not be tried again, and the event's count of endpoints that still wait."""
        delivery.object["state"] = state
        self._pending.pop(delivery.id, None)
        self._store.save(delivery)
        event = self._store.need("event", delivery.object["event"])
        reached = {d.object["endpoint"] for d in self.of(event.id) if d.object["state"] == DELIVERED}
        event.object["pending_webhooks"] = len({d.object["endpoint"] for d in self.of(event.id)} - reached)
        self._store.save(event)

    def _is_dropped(self, kind: str) -> bool:
        for rule in self.switches.drops:
            if rule.types is None or kind in rule.types:
                if rule.count is not None:
                    rule.count -= 1
                    if rule.count == 0:
                        self.switches.drops.remove(rule)
                return True
        return False

    def of(self, event_id: str) -> list[Record]:
        """Every delivery of one event."""
        return list(self._by_event.get(event_id, ()))

    def due(self, ignore: set[str]) -> Record | None:
        """The next delivery to try, or None: earliest first, and in the order given where times are equal."""
        now = self._clock.now()
        ready = [
            d
            for d in self._pending.values()
            if d.object["next_at"] <= now
            and d.id not in ignore
            and not self.switches.holds(d.object["type"])
        ]
        return min(ready, key=lambda d: (d.object["next_at"], d.object["order"], d.position), default=None)

    def release(self, order: Sequence[str] | None, backwards: bool) -> list[str]:
        """Stop holding; what waited is due now, in the order of `order` (event ids), of time, or reversed."""
        self.switches.held, self.switches.held_types = False, None
        waiting = [d for d in self._pending.values() if not d.object["attempts"]]
        if order is not None:
            rank = {event_id: i for i, event_id in enumerate(order)}
            waiting.sort(key=lambda d: rank.get(d.object["event"], len(rank)))
        elif backwards:
            waiting.reverse()
        now = self._clock.now()
        for place, delivery in enumerate(waiting):
            delivery.object["next_at"] = now
            delivery.object["order"] = place
            self._store.save(delivery)
        self.wake()
        return [d.object["event"] for d in waiting]
