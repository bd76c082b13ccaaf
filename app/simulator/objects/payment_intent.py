"""Builds the PaymentIntent that appears when somebody first tries to pay a session.

Called by `acts.payments` only.
"""
from __future__ import annotations

from ..cards import Decline
from ..ids import new_id, random_part
from ..store import Json

# Facts of features the simulator has not got, and facts that later acts fill in: Stripe sends them as nulls.
_NULLS = """
allowed_payment_method_types application application_fee_amount automatic_payment_methods canceled_at
cancellation_reason customer customer_account excluded_payment_method_types last_payment_error latest_charge
next_action on_behalf_of payment_method payment_method_configuration_details payment_record processing review
setup_future_usage shipping source transfer_data transfer_group
"""


def build_payment_intent(session: Json, data: Json, now: int) -> Json:
    """An intent over the session's total; `data` is what came as `payment_intent_data`."""
    id_ = new_id("pi")
    return {
        "id": id_,
        "object": "payment_intent",
        **dict.fromkeys(_NULLS.split()),
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{id_}_secret_{random_part(25)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": session["currency"],
        "description": data.get("description"),
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": data.get("metadata", {}),
        "payment_method_options": {},
        "payment_method_types": session["payment_method_types"],
        "receipt_email": data.get("receipt_email"),
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
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
