"""Stripe's JSON in Muster's words: Checkouts, refunds, disputes, movements and events. Called by the gateway only; no SDK,
no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..rules.webhook_setup import WebhookEndpoint
from .payments import Checkout, CheckoutStatus, Dispute, Event, GatewayUnknown, Movement, ProviderRefund

T = TypeVar("T")

METADATA_MARK = "orderId"
"""Every Checkout of ours carries this key; what does not belongs to another app on the account."""


def checkout_from(s: Mapping[str, Any]) -> Checkout:
    """Stripe's JSON of a Checkout Session in our words; raises GatewayUnknown when it is not one."""
    try:
        intent = s["payment_intent"]
        metadata = s.get("metadata") or {}
        return Checkout(
            id=s["id"],
            url=s.get("url"),
            status=CheckoutStatus(s["status"]),
            paid=s["payment_status"] in ("paid", "no_payment_required"),
            amount_total_cents=s["amount_total"] or 0,
            amount_subtotal_cents=s.get("amount_subtotal"),
            amount_discount_cents=(s.get("total_details") or {}).get("amount_discount") or 0,
            currency=(s["currency"] or "").upper(),
            payment_intent_id=intent["id"] if isinstance(intent, dict) else intent,
            order_reference=s.get("client_reference_id"),
            live=bool(s["livemode"]),
            ours=METADATA_MARK in metadata,
            failed=s["payment_status"] == "unpaid" and s["status"] == "complete" and _refused(intent),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise GatewayUnknown(f"an answer that is no Checkout Session: {type(error).__name__}") from error


def _refused(intent: object) -> bool:
    """Whether the payment of a completed Checkout is back where it began, or cancelled: a delayed method has failed."""
    return isinstance(intent, dict) and intent.get("status") in ("requires_payment_method", "canceled")


def refund_from(r: Mapping[str, Any]) -> ProviderRefund:
    """Stripe's JSON of a refund in our words; raises GatewayUnknown when it is not one."""
    try:
        intent = r.get("payment_intent")
        return ProviderRefund(
            id=r["id"],
            payment_intent_id=intent["id"] if isinstance(intent, dict) else intent,
            amount_cents=r["amount"],
            currency=r["currency"].upper(),
            status=r.get("status") or "pending",
            refund_key=(r.get("metadata") or {}).get("refundId"),
            failure_reason=r.get("failure_reason"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise GatewayUnknown(f"an answer that is no refund: {type(error).__name__}") from error


def dispute_from(d: Mapping[str, Any]) -> Dispute:
    """Stripe's JSON of a dispute in our words; raises GatewayUnknown when it is not one."""
    try:
        intent = d.get("payment_intent")
        return Dispute(
            id=d["id"],
            payment_intent_id=intent["id"] if isinstance(intent, dict) else intent,
            amount_cents=d["amount"],
            currency=d["currency"].upper(),
            status=d["status"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise GatewayUnknown(f"an answer that is no dispute: {type(error).__name__}") from error


def movement_from(t: Mapping[str, Any]) -> Movement:
    """Stripe's JSON of a balance transaction, with its source expanded, in our words."""
    try:
        source = t["source"] if isinstance(t.get("source"), dict) else {}
        intent = source.get("payment_intent")
        return Movement(
            id=t["id"],
            kind=t["type"],
            net_cents=t["net"],
            fee_cents=t["fee"],
            currency=t["currency"].upper(),
            payment_intent_id=intent["id"] if isinstance(intent, dict) else intent,
            ours=METADATA_MARK in (source.get("metadata") or {}),
            created_at=int(t["created"]),
            source_cents=source.get("amount") or 0,
            source_currency=(source.get("currency") or "").upper(),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise GatewayUnknown(f"an answer that is no balance transaction: {type(error).__name__}") from error


def endpoint_from(e: Mapping[str, Any]) -> WebhookEndpoint:
    """Stripe's JSON of a webhook endpoint in our words; raises GatewayUnknown when it is not one."""
    try:
        return WebhookEndpoint(e["id"], e["url"], e["status"] == "enabled", tuple(e["enabled_events"]), e.get("api_version"))
    except (KeyError, TypeError) as error:
        raise GatewayUnknown(f"an answer that is no webhook endpoint: {type(error).__name__}") from error


def event_from(payload: Mapping[str, Any]) -> Event:
    """A verified event's JSON in our words; the typed part is None where the object lacks what we need."""
    obj = payload.get("data", {}).get("object") if isinstance(payload.get("data"), dict) else None
    thing: Mapping[str, Any] = obj if isinstance(obj, dict) else {}
    kind = thing.get("object")
    intent = thing.get("id") if kind == "payment_intent" else thing.get("payment_intent")
    return Event(
        id=str(payload["id"]),
        type=str(payload.get("type", "")),
        live=bool(payload.get("livemode")),
        payload=payload,
        checkout=_quietly(lambda: checkout_from(thing)) if kind == "checkout.session" else None,
        refund=_quietly(lambda: refund_from(thing)) if kind == "refund" else None,
        dispute=_quietly(lambda: dispute_from(thing)) if kind == "dispute" else None,
        object_id=thing.get("id") if isinstance(thing.get("id"), str) else None,
        payment_intent_id=intent if isinstance(intent, str) else None,
        account=payload["account"] if isinstance(payload.get("account"), str) else None,
    )


def _quietly(build: Callable[[], T]) -> T | None:
    """None for a signed object that lacks what we need: the event is kept and shown to staff instead of lost."""
    try:
        return build()
    except GatewayUnknown:
        return None
