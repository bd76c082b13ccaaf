"""What Muster needs of a payment provider, in Muster's own words. Services depend on this Protocol, never on an SDK.

The provider's answers become the frozen dataclasses below at the gateway; its failures become the three exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ..rules.webhook_setup import WebhookEndpoint


class GatewayError(Exception):
    """A call to the provider did not give an answer we can use. ``str()`` is for logs and staff, never for visitors."""


class GatewayRefused(GatewayError):
    """The provider answered: no (400, 402, 404). Nothing happened there; the same call would fail again."""


class GatewayMissing(GatewayRefused):
    """The provider knows no such thing (404): another account's, another mode's, or never made."""


class GatewayBusy(GatewayError):
    """The provider turned the call away before acting (429, 401, 403). Nothing happened there; it may succeed later."""


class GatewayUnknown(GatewayError):
    """Connection lost, time-out, 5xx or 409: the call may or may not have acted. Repeat it with the same key."""


class CheckoutStatus(StrEnum):
    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Checkout:
    """One Stripe Checkout Session as Stripe's own record has it. Amounts in minor units; ``currency`` in upper case."""

    id: str
    url: str | None
    status: CheckoutStatus
    paid: bool
    """``payment_status`` is ``paid`` or ``no_payment_required``."""
    amount_total_cents: int
    amount_discount_cents: int
    currency: str
    payment_intent_id: str | None
    order_reference: str | None
    """``client_reference_id``: which of our orders it says it pays."""
    live: bool
    ours: bool
    """Whether its metadata carries Muster's keys: an event for another app on the same account does not."""
    amount_subtotal_cents: int | None = None
    """The sum of its lines, before any discount; None: not said."""
    failed: bool = False
    """Complete but unpaid, and the bank has refused the money in the end: it will never be paid. Known only when fetched."""


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as Stripe has it. ``status`` is Stripe's word; ``refund_key`` our metadata, None when made elsewhere."""

    id: str
    payment_intent_id: str | None
    amount_cents: int
    currency: str
    status: str
    refund_key: str | None
    failure_reason: str | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A cardholder's bank takes money back, at least for now. ``status`` is Stripe's word (``won`` and ``lost`` end it)."""

    id: str
    payment_intent_id: str | None
    amount_cents: int
    currency: str
    status: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the provider's own books. ``net_cents`` is signed and after ``fee_cents``; ``created_at`` in epoch seconds.

    A ``fee_cents`` below 0 is a fee given back. ``source_cents`` is what the charge, refund or dispute itself is of, unsigned and
    in its own currency: another one than the line's where the provider converts.
    """

    id: str
    kind: str
    net_cents: int
    fee_cents: int
    currency: str
    payment_intent_id: str | None
    ours: bool
    created_at: int
    source_cents: int = 0
    source_currency: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A verified webhook event. ``payload`` is what was signed, kept for the inbox; the typed part is None for other kinds."""

    id: str
    type: str
    live: bool
    payload: Mapping[str, Any]
    checkout: Checkout | None = None
    refund: ProviderRefund | None = None
    dispute: Dispute | None = None
    object_id: str | None = None
    payment_intent_id: str | None = None
    account: str | None = None
    """Another account than ours, whose event our endpoint was sent; None: our own."""


class SignatureInvalid(Exception):
    """The webhook body is not signed by Stripe with one of our secrets, is too old or too new, or of the wrong mode."""


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """One line of a Checkout. ``note`` stands under its name on the payment page: the reason of the price."""

    name: str
    unit_amount_cents: int
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a Checkout is asked to be. Nothing personal but the e-mail that is prefilled; references and slugs, no tokens."""

    order_reference: str
    currency: str
    lines: Sequence[CheckoutLine]
    customer_email: str
    success_url: str
    cancel_url: str
    expires_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    promotions: bool = False
    """Whether its page takes the provider's own promotion codes."""


class PaymentGateway(Protocol):
    """The calls. Each raises GatewayRefused, GatewayBusy or GatewayUnknown; none may be made inside a transaction."""

    def checkout_params(self, request: CheckoutRequest) -> dict[str, Any]:
        """The exact parameters to store before the first call; a repeat sends these very ones. No network."""
        ...

    def create_checkout(self, params: Mapping[str, Any], idempotency_key: str) -> Checkout: ...

    def retrieve_checkout(self, checkout_id: str) -> Checkout: ...

    def expire_checkout(self, checkout_id: str) -> Checkout:
        """End it so that it can no longer be paid, then look: returns what it is now (expired, or complete)."""
        ...

    def create_refund(
        self, payment_intent_id: str, amount_cents: int, idempotency_key: str, metadata: Mapping[str, str]
    ) -> ProviderRefund: ...

    def retrieve_refund(self, refund_id: str) -> ProviderRefund: ...

    def refunds_of(self, payment_intent_id: str) -> Sequence[ProviderRefund]:
        """Every refund of one payment, made here or elsewhere."""
        ...

    def find_refund(self, payment_intent_id: str, refund_key: str) -> ProviderRefund | None:
        """The refund that carries our key in its metadata, if the provider has it."""
        ...

    def undelivered_events(self, types: Sequence[str], since: datetime) -> Iterator[Event]: ...

    def paid_checkouts(self, since: datetime) -> Iterator[Checkout]: ...

    def refunds(self, since: datetime) -> Iterator[ProviderRefund]: ...

    def movements(self) -> Iterator[Movement]: ...

    def webhook_endpoints(self) -> Sequence[WebhookEndpoint]:
        """Where the provider sends its events, in the mode of our key. One short call: somebody waits for it."""
        ...

    def verify_event(self, body: bytes, signature: str | None) -> Event:
        """Check the signature, its age and the mode; raises SignatureInvalid. No network."""
        ...

    def read_event(self, payload: Mapping[str, Any]) -> Event:
        """An event kept in the inbox (it was verified when it came) in our words again. No network."""
        ...
