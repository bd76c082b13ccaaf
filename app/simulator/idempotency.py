"""Remembers what was answered to each Idempotency-Key for 24 hours of the simulator's clock, as Stripe's v1 API does.

Called by `api.dispatch` around every POST; see https://docs.stripe.com/api/idempotent_requests.
"""
from __future__ import annotations

import hashlib

from .clock import Clock
from .errors import ApiError
from .store import Json, Record, Store

KEPT_FOR = 24 * 3600
LONGEST_KEY = 255


def fingerprint(method: str, path: str, text: str) -> str:
    """Two requests are the same when method, path and parameters are; the order of parameters does not matter."""
    parts = sorted(text.split("&"))
    return hashlib.sha256("\n".join([method, path, *parts]).encode()).hexdigest()


class Keys:
    """`begin` a request, then `finish` it with its answer or `abandon` it when nothing was carried out."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._in_flight: dict[str, str] = {}

    def begin(self, key: str, print_: str) -> Record | None:
        """The answer to replay, or None after which this request owns the key. Raises when it must do neither."""
        if len(key) > LONGEST_KEY:
            said = f"Idempotency keys may be at most {LONGEST_KEY} characters long."
            raise ApiError(400, said, kind="idempotency_error")
        with self._store.changes():
            kept = self._store.get("idempotency", key)
            if kept is not None and self._clock.now() - kept.object["created"] >= KEPT_FOR:
                self._store.remove("idempotency", key)
                kept = None
            first = kept.object["fingerprint"] if kept else self._in_flight.get(key)
            if first is not None and first != print_:
                raise ApiError(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{key}' if you meant to execute a different request.",
                    kind="idempotency_error",
                )
            if kept is None and first is not None:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key (that probably means you "
                    "submitted twice, and the other request is still going through).",
                    code="idempotency_key_in_use",
                )
            if kept is None:
                self._in_flight[key] = print_
            return kept

    def finish(self, key: str, status: int, body: Json, request_id: str) -> None:
        """Keep what executing the request gave, success or not."""
        with self._store.changes():
            print_ = self._in_flight.pop(key)
            kept = {"id": key, "fingerprint": print_, "status": status, "body": body, "request_id": request_id}
            self._store.add("idempotency", {**kept, "created": self._clock.now()})

    def abandon(self, key: str) -> None:
        """Nothing was carried out: the key is free again."""
        with self._store.changes():
            self._in_flight.pop(key, None)

    def reset(self) -> None:
        """Forget who is under way; what was kept goes with the store."""
        with self._store.changes():
            self._in_flight.clear()
