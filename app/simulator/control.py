"""The hand that bends the simulator: its clock, its network, its payers and its dashboard, as one Python object.

Called by in-process tests as `simulator.control`, and by `control_api` and `control_pages` over HTTP.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .acts import disputes, payments, refunds, sessions
from .acts.disputes import Verdict
from .acts.payments import Attempt, Payer
from .audit import SESSION, Audit
from .cards import card_for
from .core import NOBODY, Core
from .errors import ApiError
from .expansion import show
from .faults import Faults, Kind, When
from .ids import new_id
from .outgoing import PENDING, DropRule
from .settings import SignatureTime
from .store import Json, Record

if TYPE_CHECKING:
    from .api.dispatch import Dispatch, Traffic
    from .webhooks import Deliverer



class ControlError(ValueError):
    """What was asked of the control cannot be."""


class Control(Audit):
    """Every method takes and gives plain values; ids are the ones the API shows."""

    def __init__(
        self, core: Core, faults: Faults, deliverer: Deliverer, dispatch: Dispatch, traffic: Traffic,
        forget: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(core, traffic)
        self._faults = faults
        self._deliverer = deliverer
        self._dispatch = dispatch
        self._forget = forget

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            with self._core.changes():
                yield
        except (ApiError, LookupError) as error:
            raise ControlError(str(error)) from error
        finally:
            self._core.outgoing.wake()

    def _payment(self, id_: str) -> Record:
        """The charge behind a session, payment intent or charge id."""
        store = self._core.store
        if id_.startswith("cs_"):
            id_ = store.need(SESSION, id_).object["payment_intent"] or ""
        if id_.startswith("pi_"):
            id_ = store.need("payment_intent", id_).object["latest_charge"] or ""
        return store.need("charge", id_)

    # -- the clock ---------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """The simulated time."""
        return self._core.clock.now()

    def advance(self, seconds: int) -> int:
        """Move the clock; sessions expire and refunds turn on the way."""
        self._core.clock.advance(seconds)
        self._core.remember_clock()
        return self.now()

    def set_clock(self, timestamp: int) -> int:
        """Make it this time now."""
        self._core.clock.set(timestamp)
        self._core.remember_clock()
        return self.now()

    def freeze(self, at: int | None = None) -> int:
        """Stop the clock."""
        self._core.clock.freeze(at)
        self._core.remember_clock()
        return self.now()

    def run_clock(self) -> int:
        """Let it run on."""
        self._core.clock.run()
        self._core.remember_clock()
        return self.now()

    # -- payers ------------------------------------------------------------------------------------------------------

    def pay(
        self, session_id: str, card: str = "4242424242424242", email: str | None = None, name: str = "Test Payer",
        authenticate: bool | None = True,
    ) -> Attempt:  # fmt: skip
        """Pay with a card; 3-D Secure is passed (True), failed (False) or left waiting (None)."""
        with self._changing():
            session = self._core.store.need(SESSION, session_id)
            attempt = payments.pay(self._core, session, card_for(card), Payer(email or "payer@example.com", name))
        if attempt.outcome == "requires_action" and authenticate is not None:
            return self.authenticate(session_id, authenticate)
        return attempt

    def pay_later(self, session_id: str, email: str | None = None, name: str = "Test Payer") -> Attempt:
        """Choose the transfer: complete, but unpaid until `settle`."""
        with self._changing():
            session = self._core.store.need(SESSION, session_id)
            if "customer_balance" not in session.object["payment_method_types"]:
                raise ControlError("This session does not take transfers.")
            return payments.pay(self._core, session, None, Payer(email or "payer@example.com", name))

    def authenticate(self, session_id: str, success: bool = True) -> Attempt:
        """Answer a waiting 3-D Secure step."""
        with self._changing():
            session = self._core.store.need(SESSION, session_id)
            pending = session.private["pending"]
            return payments.authenticate(self._core, session, card_for(pending["card"]) if pending else None, success)

    def settle(self, session_id: str, success: bool = True) -> Attempt:
        """The transfer arrives, or does not."""
        with self._changing():
            return payments.settle(self._core, self._core.store.need(SESSION, session_id), success)

    def expire(self, session_id: str) -> Json:
        """End an open session without the API."""
        with self._changing():
            return show(self._core, sessions.expire(self._core, self._core.store.need(SESSION, session_id), NOBODY))

    # -- the dashboard -----------------------------------------------------------------------------------------------

    def refund(self, payment: str, amount: int | None = None, reason: str | None = None) -> Json:
        """Refund from the dashboard: no metadata, no idempotency key, the same events."""
        with self._changing():
            params: Json = {"charge": self._payment(payment).id}
            params |= {k: v for k, v in (("amount", amount), ("reason", reason)) if v is not None}
            return show(self._core, refunds.create(self._core, params, NOBODY))

    def settle_refund(self, refund_id: str) -> Json:
        """A pending refund succeeds."""
        with self._changing():
            return show(self._core, refunds.succeed(self._core, self._core.store.need("refund", refund_id)))

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> Json:
        """A pending or succeeded refund fails; the money is back in the account."""
        with self._changing():
            return show(self._core, refunds.fail(self._core, self._core.store.need("refund", refund_id), reason))

    def refunds_stay_pending(self, on: bool = True) -> None:
        """While on, new refunds are pending until settled, whatever the card: as with too little balance."""
        self._core.refunds_stay_pending = on

    def dispute(self, payment: str, reason: str = "fraudulent") -> Json:
        """The payer's bank disputes a payment."""
        with self._changing():
            return show(self._core, disputes.open_dispute(self._core, self._payment(payment), reason))

    def close_dispute(self, dispute_id: str, verdict: Verdict = "won") -> Json:
        """The dispute is decided."""
        if verdict not in ("won", "lost"):
            raise ControlError("A dispute is won or lost.")
        with self._changing():
            dispute = self._core.store.need("dispute", dispute_id)
            return show(self._core, disputes.close_dispute(self._core, dispute, verdict))

    # -- webhooks ----------------------------------------------------------------------------------------------------

    def hold(self, types: Iterable[str] | None = None) -> None:
        """Send no events (of these types) until `release`."""
        switches = self._core.outgoing.switches
        switches.held, switches.held_types = True, None if types is None else frozenset(types)

    def release(self, order: Sequence[str] | None = None, backwards: bool = False) -> list[str]:
        """Let held events go, in this order of event ids, in theirs or backwards; returns the order."""
        with self._changing():
            return self._core.outgoing.release(order, backwards)

    def drop(self, count: int | None = 1, types: Iterable[str] | None = None) -> None:
        """Lose the next `count` events (None: all from now on), of these types (None: of any)."""
        self._core.outgoing.switches.drops.append(DropRule(count, None if types is None else frozenset(types)))

    def copies(self, extra: int = 1) -> None:
        """Deliver every event from now on `extra` more times."""
        self._core.outgoing.switches.copies = extra

    def repeat(self, event_id: str, new_id_too: bool = False) -> str:
        """Send an event again, also one that was dropped: as itself, or as a new event about the same fact."""
        with self._changing():
            event = self._core.store.need("event", event_id)
            if new_id_too:
                twin = copy.deepcopy(event.object) | {"id": new_id("evt")}
                event = self._core.store.add("event", twin)
                self._core.outgoing.owe(event)
            else:
                for endpoint in self._core.store.all("webhook_endpoint"):
                    if {"*", event.object["type"]} & set(endpoint.object["enabled_events"]):
                        self._core.outgoing.add(event, endpoint, PENDING)
            return event.id

    def delay(self, seconds: int) -> None:
        """Send events this much later."""
        self._core.outgoing.switches.delay = seconds

    def wrong_secret(self, tries: int | None = None) -> None:
        """Sign the next tries wrongly (None: all, 0: none)."""
        self._core.outgoing.switches.wrong_secret = tries

    def only(self, types: Iterable[str] | None) -> None:
        """Tell endpoints of these types only, as if they had asked for no others; None: of all."""
        self._core.outgoing.switches.only_types = None if types is None else frozenset(types)

    def sign_with(self, clock: SignatureTime) -> None:
        """Take the signature's time from the `wall` or from the `simulated` clock."""
        self._core.outgoing.switches.signature_time = clock

    def set_secrets(self, url: str, secrets: Sequence[str]) -> None:
        """Roll an endpoint's secrets: one v1 is made with each."""
        with self._changing():
            for endpoint in self._core.store.all("webhook_endpoint"):
                if endpoint.object["url"] == url:
                    endpoint.private["secrets"] = list(secrets)
                    self._core.store.save(endpoint)

    def webhooks_normal(self) -> None:
        """All switches off; what is held goes out."""
        self._core.outgoing.switches = type(self._core.outgoing.switches)(
            signature_time=self._core.settings.signature_time
        )
        self._core.outgoing.wake()

    def deliver_due(self) -> int:
        """Send what is due, here and now; returns how many were tried."""
        return self._deliverer.deliver_due()

    def redirect_waits(self, on: bool = True) -> None:
        """Whether the payment page waits (≤ 10 s) for the webhook's answer before it redirects."""
        self._core.redirect_waits = on

    # -- API calls ---------------------------------------------------------------------------------------------------

    def fail(
        self, operation: str = "*", kind: Kind = "500", times: int = 1, when: When = "before", seconds: float = 1.0,
        stored: bool | None = None,
    ) -> None:  # fmt: skip
        """Let the next `times` calls of an operation go wrong; see `faults.Faults.plan`."""
        try:
            self._faults.plan(operation, kind, times, when, seconds, stored)
        except ValueError as error:
            raise ControlError(str(error)) from error

    def clear_faults(self) -> None:
        """No more planned faults."""
        self._faults.clear()

    def latency(self, seconds: float) -> None:
        """Answer every API call this much later."""
        self._dispatch.latency = seconds

    def faults(self) -> list[Json]:
        """Planned faults that have not happened yet."""
        return self._faults.planned()

    def reset(self) -> None:
        """Forget everything: objects, events, keys, faults, switches, counts, and the clock's moves."""
        self._faults.clear()
        self._traffic.clear()
        self._dispatch.latency = self._core.settings.latency
        self._forget()
        self._core.reset()
