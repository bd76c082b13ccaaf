"""Stripe behind the PaymentGateway Protocol: the only file that imports ``stripe``. Facts come from STRIPE.md.

SDK objects are turned into our dataclasses here and go no further; its exceptions become refused, busy or unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import stripe

from .. import clock, measures
from ..config import Settings
from ..few_at_once import step_out
from ..rules.webhook_setup import WebhookEndpoint
from ..transaction import end_read, require_none_open
from .payments import (
    Checkout,
    CheckoutRequest,
    Event,
    GatewayBusy,
    GatewayMissing,
    GatewayRefused,
    GatewayUnknown,
    Movement,
    ProviderRefund,
    SignatureInvalid,
)
from .stripe_objects import checkout_from, endpoint_from, event_from, movement_from, refund_from
from .turnstile import TurnedAway, Turnstile

T = TypeVar("T")

TOLERANCE_SECONDS = 300
TIMEOUT_SECONDS = (3, 10)  # connect, read: the SDK's own default waits 80 s
RETRIES = 2
RETRIES_WHILE_SOMEBODY_WAITS = 1


class StripeGateway:
    """Calls Stripe (or whatever ``STRIPE_API_BASE`` names) with a bounded time, never inside a transaction."""

    def __init__(self, settings: Settings) -> None:
        stripe.enable_telemetry = False  # else it writes to the home directory, and dies where there is none
        self._live = settings.live
        self._secrets = settings.stripe_webhook_secrets
        self._turnstile = Turnstile(settings.checkouts_at_once)
        self._client = stripe.StripeClient(
            settings.stripe_secret_key,
            base_addresses={"api": settings.stripe_api_base},
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def checkout_params(self, request: CheckoutRequest) -> dict[str, Any]:
        """Parameters of a hosted Checkout in payment mode; stored before the call, so a repeat is the same call."""
        metadata = dict(request.metadata)
        return {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": line.quantity,
                    "price_data": {
                        "currency": request.currency.lower(),
                        "unit_amount": line.unit_amount_cents,
                        "product_data": {"name": line.name, **({"description": line.note} if line.note else {})},
                    },
                }
                for line in request.lines
            ],
            "customer_email": request.customer_email,
            "client_reference_id": request.order_reference,
            "metadata": metadata,
            # Stripe does not copy a Checkout's metadata to its PaymentIntent (STRIPE §1.7).
            "payment_intent_data": {"metadata": metadata},
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "expires_at": int(request.expires_at.timestamp()),
            "allowed_payment_method_types": ["card"],
            "adaptive_pricing": {"enabled": False},
            **({"allow_promotion_codes": True} if request.promotions else {}),
        }

    def create_checkout(self, params: Mapping[str, Any], idempotency_key: str) -> Checkout:
        """Create it, or get the one that this key already made."""
        options = {"idempotency_key": idempotency_key, "max_network_retries": RETRIES_WHILE_SOMEBODY_WAITS}
        sent: Any = _in_order(params)
        try:
            with self._turnstile.passing():
                create = self._client.v1.checkout.sessions.create
                return _checkout(self._call(lambda: create(sent, options)))  # type: ignore[arg-type]
        except TurnedAway as error:
            raise GatewayBusy("too many calls wait for Stripe") from error

    def retrieve_checkout(self, checkout_id: str) -> Checkout:
        """Fetch it with its payment, which alone says that a delayed method failed; GatewayMissing when Stripe has none."""
        params: Any = {"expand": ["payment_intent"]}
        return _checkout(self._call(lambda: self._client.v1.checkout.sessions.retrieve(checkout_id, params)))

    def expire_checkout(self, checkout_id: str) -> Checkout:
        """Expire, then look. A refusal to expire only means that it is no longer open: what it is now decides."""
        try:
            return _checkout(self._call(lambda: self._client.v1.checkout.sessions.expire(checkout_id)))
        except GatewayMissing:
            raise
        except GatewayRefused:
            return self.retrieve_checkout(checkout_id)

    def create_refund(
        self, payment_intent_id: str, amount_cents: int, idempotency_key: str, metadata: Mapping[str, str]
    ) -> ProviderRefund:
        """Refund part or all of a payment; the same key never refunds twice (within a day)."""
        params = {
            "payment_intent": payment_intent_id,
            "amount": amount_cents,
            "reason": "requested_by_customer",
            "metadata": dict(metadata),
        }
        options = {"idempotency_key": idempotency_key}
        return _refund(self._call(lambda: self._client.v1.refunds.create(params, options)))  # type: ignore[arg-type]

    def retrieve_refund(self, refund_id: str) -> ProviderRefund:
        """Fetch it; GatewayMissing when Stripe does not know it."""
        return _refund(self._call(lambda: self._client.v1.refunds.retrieve(refund_id)))

    def refunds_of(self, payment_intent_id: str) -> list[ProviderRefund]:
        """The refunds of one payment, made anywhere, newest first."""
        page = self._call(lambda: self._client.v1.refunds.list({"payment_intent": payment_intent_id, "limit": 100}))
        return [_refund(refund) for refund in page.data]

    def find_refund(self, payment_intent_id: str, refund_key: str) -> ProviderRefund | None:
        """Look through the payment's refunds for ours: what to do when a key is older than Stripe remembers."""
        return next((r for r in self.refunds_of(payment_intent_id) if r.refund_key == refund_key), None)

    def undelivered_events(self, types: Sequence[str], since: datetime) -> Iterator[Event]:
        """Events that some endpoint has not taken, oldest last; Stripe keeps them for 30 days."""
        params = {"types": list(types), "delivery_success": False, "created": {"gte": int(since.timestamp())}, "limit": 100}
        for event in self._pages(lambda: self._client.v1.events.list(params)):  # type: ignore[arg-type]
            yield event_from(event)

    def paid_checkouts(self, since: datetime) -> Iterator[Checkout]:
        """Checkouts that were completed, newest first."""
        params = {"status": "complete", "created": {"gte": int(since.timestamp())}, "limit": 100}
        for session in self._pages(lambda: self._client.v1.checkout.sessions.list(params)):  # type: ignore[arg-type]
            yield checkout_from(session)

    def refunds(self, since: datetime) -> Iterator[ProviderRefund]:
        """Refunds made anywhere, newest first."""
        params = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        for refund in self._pages(lambda: self._client.v1.refunds.list(params)):  # type: ignore[arg-type]
            yield refund_from(refund)

    def movements(self) -> Iterator[Movement]:
        """Every line of Stripe's own books, newest first, with what it is about."""
        params = {"limit": 100, "expand": ["data.source"]}
        for line in self._pages(lambda: self._client.v1.balance_transactions.list(params)):  # type: ignore[arg-type]
            yield movement_from(line)

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Every endpoint of this key's mode (Stripe allows 16). Not repeated: it ends within a call's own time-out."""
        options = {"max_network_retries": 0}
        page = self._call(lambda: self._client.v1.webhook_endpoints.list({"limit": 100}, options))  # type: ignore[arg-type]
        return [endpoint_from(endpoint.to_dict(for_json=True)) for endpoint in page.data]

    def _pages(self, first: Callable[[], Any]) -> Iterator[Mapping[str, Any]]:
        page = self._call(first)
        while True:
            for thing in page.data:
                yield thing.to_dict(for_json=True)
            if not page.has_more:
                return
            page = self._call(page.next_page)

    def verify_event(self, body: bytes, signature: str | None) -> Event:
        """Check signature, age both ways and mode, without building SDK objects (26 µs instead of 689)."""
        if not any(self._signed(body, signature or "", secret) for secret in self._secrets):
            raise SignatureInvalid("no configured secret matches")
        _check_age(signature or "")
        try:
            payload = json.loads(body)
        except ValueError as error:
            raise SignatureInvalid("signed, but not JSON") from error
        if not isinstance(payload, dict) or payload.get("object") != "event" or not isinstance(payload.get("id"), str):
            raise SignatureInvalid("signed, but not an event")
        if bool(payload.get("livemode")) != self._live:
            raise SignatureInvalid("event and key are of different modes")
        return event_from(payload)

    def read_event(self, payload: Mapping[str, Any]) -> Event:
        """An event kept in the inbox, verified when it came, in our words again."""
        return event_from(payload)

    @staticmethod
    def _signed(body: bytes, signature: str, secret: str) -> bool:
        try:
            return bool(stripe.WebhookSignature.verify_header(body.decode("utf-8"), signature, secret))
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            return False  # TypeError: a forged header with a non-ASCII signature (STRIPE §0.7)

    @staticmethod
    def _call(call: Callable[[], T]) -> T:
        require_none_open("calling Stripe")
        end_read()  # no pooled connection waits for Stripe, and nobody in line
        step_out()
        try:
            with measures.timing_stripe():
                return call()
        except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
            # Turned away before acting. A wrong key is the operator's to mend; the same call then succeeds.
            raise GatewayBusy(_describe(error)) from error
        except (stripe.APIConnectionError, stripe.APIError, stripe.IdempotencyError) as error:
            # An IdempotencyError says that some call with this key did act: what it made is not known here.
            raise GatewayUnknown(_describe(error)) from error
        except stripe.StripeError as error:
            kind = GatewayMissing if error.http_status == 404 or error.code == "resource_missing" else GatewayRefused
            raise kind(_describe(error)) from error


def _in_order(value: Any) -> Any:
    """The parameters in the order in which PostgreSQL gives stored ones back: who repeats a call sends the same to the letter."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


def _describe(error: stripe.StripeError) -> str:
    """What staff may read: kind, code and request id. Never the message, which may repeat what a person typed."""
    return f"{type(error).__name__} {error.http_status or '-'} {error.code or '-'} {error.request_id or '-'}"


def _check_age(signature: str) -> None:
    """Neither too old nor ahead of us, by our own clock: the SDK's check is one-sided and lets a day ahead pass (STRIPE §1.5)."""
    stamp = next((part[2:] for part in signature.split(",") if part.startswith("t=")), "")
    if not stamp.isdigit() or abs(int(stamp) - clock.now().timestamp()) > TOLERANCE_SECONDS:
        raise SignatureInvalid("the timestamp is too old or lies in the future")


def _checkout(s: stripe.checkout.Session) -> Checkout:
    return checkout_from(s.to_dict(for_json=True))


def _refund(r: stripe.Refund) -> ProviderRefund:
    return refund_from(r.to_dict(for_json=True))
