"""Builds the PaymentIntent that appears when somebody first tries to pay a session.

Called by `acts.payments` only.
"""
from __future__ import annotations

from ..cards import Decline
from ..ids import new_id, random_part
from ..store import Json


def build_payment_intent(session: Json, data: Json, now: int) -> Json:
    """An intent over the session's total; `data` is what came as `payment_intent_data`."""
    id_ = new_id("pi")
    return {
        "id": id_,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{id_}_secret_{random_part(25)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": session["currency"],
        "customer": None,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": data.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": session["payment_method_types"],
        "payment_record": None,
        "processing": None,
        "receipt_email": data.get("receipt_email"),
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def payment_error(decline: Decline, charge: str | None, method: Json) -> Json:
    """`last_payment_error` after a refusal."""
    error: Json = {
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": method,
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    return {**error, "charge": charge} if charge else error


def build_payment_method(method: str, card: Json | None, email: str | None, name: str | None, now: int) -> Json:
    """The PaymentMethod behind an attempt; only ever shown inside an error."""
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "billing_details": billing_details(email, name),
        "created": now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": method,
        **({"card": card} if card else {}),
    }


def billing_details(email: str | None, name: str | None) -> Json:
    """Who the card says pays."""
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {"address": address, "email": email, "name": name, "phone": None, "tax_id": None}
