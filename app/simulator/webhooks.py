"""Signs and sends events, and tries again with growing pauses while the answer is not 2xx.

Tests call `deliver_due()`; a demo calls `start()`; the payment page may wait for one event's answer.
"""
from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from .core import Core
from .outgoing import DELIVERED, GIVEN_UP, PENDING
from .store import Json, Record

WRONG_SECRET = "whsec_this_is_not_the_secret"  # noqa: S105 - wrong on purpose, for the switch that signs wrongly


class Answer(NamedTuple):
    """What an endpoint said."""

    status: int
    body: str


Post = Callable[[str, Mapping[str, str], bytes, float], Answer]


def post_over_http(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
    """Send over the network. Raises OSError or HTTPException when there is no answer in time."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError(f"not an http address: {url}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(4096).decode("utf-8", "replace"))
    finally:
        connection.close()


def sign(body: bytes, secrets: list[str], timestamp: int) -> str:
    """The `Stripe-Signature` header: one v1 per secret in force, and the fake v0 that test events carry."""
    payload = f"{timestamp}.".encode() + body
    made = [hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest() for secret in secrets]
    fake = hashlib.sha256(payload).hexdigest()
    return ",".join([f"t={timestamp}", *(f"v1={v1}" for v1 in made), f"v0={fake}"])


class Deliverer:
    """Pays what `core.outgoing` owes. Each delivery is tried by one thread at a time, and never under the lock."""

    def __init__(self, core: Core, post: Post = post_over_http) -> None:
        self._core = core
        self.post = post
        self._claimed: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def deliver_due(self) -> int:
        """Try everything that is due once; returns how many were tried."""
        self._core.tick()
        tried: set[str] = set()
        while (delivery := self._claim_next(tried)) is not None:
            tried.add(delivery.id)
            self._try(delivery)
        return len(tried)

    def deliver_event(self, event_id: str, timeout: float) -> bool:
        """Try one event now and wait for its first answers, at most `timeout` seconds; False if time ran out."""
        with self._core.store.changes():
            held = self._core.outgoing.switches.holds(self._core.store.need("event", event_id).object["type"])
            mine = [] if held else [d for d in self._core.outgoing.of(event_id) if self._claim(d)]
        for delivery in mine:
            self._try(delivery)
        with self._core.outgoing.changed:
            return self._core.outgoing.changed.wait_for(lambda: self._answered(event_id), timeout)

    def _answered(self, event_id: str) -> bool:
        return all(d.object["attempts"] or d.object["state"] != PENDING for d in self._core.outgoing.of(event_id))

    def _claim(self, delivery: Record) -> bool:
        due = delivery.object["next_at"] <= self._core.clock.now()
        if delivery.object["state"] != PENDING or not due or delivery.id in self._claimed:
            return False
        self._claimed.add(delivery.id)
        return True

    def _claim_next(self, tried: set[str]) -> Record | None:
        with self._core.store.changes():
            delivery = self._core.outgoing.due(tried | self._claimed)
            if delivery is not None:
                self._claimed.add(delivery.id)
            return delivery

    def _try(self, delivery: Record) -> None:
        """One attempt, signed anew: prepare under the lock, send without it, record under it."""
        try:
            with self._core.store.changes():
                url, headers, body = self._prepare(delivery)
            try:
                answer, error = self.post(url, headers, body, self._core.settings.webhook_timeout), ""
            except (OSError, http.client.HTTPException) as failure:
                answer, error = Answer(0, ""), f"{type(failure).__name__}: {failure}"
            with self._core.store.changes():
                self._record(delivery, answer, error)
        finally:
            with self._core.store.changes():
                self._claimed.discard(delivery.id)
            self._core.outgoing.wake()

    def _prepare(self, delivery: Record) -> tuple[str, dict[str, str], bytes]:
        event = self._core.store.need("event", delivery.object["event"])
        endpoint = self._core.store.get("webhook_endpoint", delivery.object["endpoint"])
        secrets = list(endpoint.private["secrets"]) if endpoint else []
        switches = self._core.outgoing.switches
        if switches.wrong_secret is None or switches.wrong_secret > 0:
            secrets = [WRONG_SECRET]
            switches.wrong_secret = None if switches.wrong_secret is None else switches.wrong_secret - 1
        body = json.dumps(event.object, indent=2, ensure_ascii=False).encode()
        clock = self._core.clock
        timestamp = clock.wall() if switches.signature_time == "wall" else clock.now()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/json",
            "Cache-Control": "no-cache",
            "Stripe-Signature": sign(body, secrets, timestamp),
        }
        return endpoint.object["url"] if endpoint else delivery.object["url"], headers, body

    def _record(self, delivery: Record, answer: Answer, error: str) -> None:
        now, settings = self._core.clock.now(), self._core.settings
        attempts: list[Json] = delivery.object["attempts"]
        attempts.append({"at": now, "status": answer.status, "body": answer.body[:2000], "error": error})
        if 200 <= answer.status < 300:
            self._core.outgoing.close(delivery, DELIVERED)
        elif now - delivery.object["created"] >= settings.retry_for_seconds:
            self._core.outgoing.close(delivery, GIVEN_UP)
        else:
            pause = min(settings.retry_cap_seconds, settings.retry_base_seconds * 2 ** min(len(attempts) - 1, 20))
            delivery.object["next_at"] = now + pause
            self._core.store.save(delivery)

    def start(self) -> None:
        """Deliver in the background until `stop()`, and let time pass for what expires by the clock."""
        if self._threads:
            return
        self._stopping.clear()
        for i in range(self._core.settings.webhook_workers):
            thread = threading.Thread(target=self._work, name=f"simulator-webhooks-{i}", daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def running(self) -> bool:
        """Whether the background threads are at work."""
        return bool(self._threads)

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self.deliver_due() == 0:
                with self._core.outgoing.changed:
                    self._core.outgoing.changed.wait(0.1)

    def stop(self) -> None:
        """End the background threads after what they are sending now."""
        self._stopping.set()
        self._core.outgoing.wake()
        for thread in self._threads:
            thread.join(self._core.settings.webhook_timeout + 1)
        self._threads.clear()
