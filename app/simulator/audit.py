"""The simulator's own record, to be compared with what the site under test believes.

The reading half of `control.Control`; every list is oldest first and a copy.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from .core import Core
from .expansion import delivered, show
from .store import Json

if TYPE_CHECKING:
    from .api.dispatch import Traffic

SESSION = "checkout.session"


class Audit:
    """Looks, and changes nothing but what the clock has made due."""

    def __init__(self, core: Core, traffic: Traffic) -> None:
        self._core = core
        self._traffic = traffic

    def counts(self) -> dict[str, int]:
        """How often each operation was called, refused and unanswered calls included."""
        return dict(self._traffic.counts)

    def calls(self) -> list[Json]:
        """The last 1000 calls: operation, status (0: no answer), request id, idempotency key, time."""
        return list(self._traffic.calls)

    def _all(self, kind: str) -> list[Json]:
        with self._core.changes():
            return [show(self._core, record) for record in self._core.store.all(kind)]

    def sessions(self) -> list[Json]:
        """Every Checkout Session, oldest first."""
        return self._all(SESSION)

    def payments(self) -> list[Json]:
        """Every payment intent, oldest first, with what came of it: session, charge, refunded, disputed."""
        with self._core.changes():
            by_intent = {s["payment_intent"]: s["id"] for s in self._core.objects(SESSION)}
            return [self._payment_line(i, by_intent.get(i["id"])) for i in self._core.objects("payment_intent")]

    def _payment_line(self, intent: Json, session: str | None) -> Json:
        charge = self._core.store.get("charge", intent["latest_charge"])
        money = charge.object if charge else {"amount_refunded": 0, "disputed": False, "balance_transaction": None}
        line = {name: intent[name] for name in ("id", "amount", "amount_received", "currency", "status", "created")}
        line |= {name: money[name] for name in ("amount_refunded", "disputed", "balance_transaction")}
        return {**line, "session": session, "charge": intent["latest_charge"], "metadata": dict(intent["metadata"])}

    def refunds(self) -> list[Json]:
        """Every refund, oldest first."""
        return self._all("refund")

    def charges(self) -> list[Json]:
        """Every charge, failed ones included, oldest first."""
        return self._all("charge")

    def disputes(self) -> list[Json]:
        """Every dispute, oldest first."""
        return self._all("dispute")

    def transactions(self) -> list[Json]:
        """Stripe's books, oldest first."""
        return self._all("balance_transaction")

    def events(self) -> list[Json]:
        """Every event, oldest first, with `delivered`."""
        with self._core.changes():
            return [e | {"delivered": delivered(self._core, e["id"])} for e in self._all("event")]

    def deliveries(self) -> list[Json]:
        """Every delivery with its attempts, oldest first."""
        return self._all("delivery")
