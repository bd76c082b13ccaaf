"""Builds charges: the money that came, or the try that failed.

Called by `acts.payments` only.
"""
from __future__ import annotations

from ..cards import Card, Decline
from ..ids import new_id, random_part
from ..store import Json
from .payment_intent import billing_details


def card_details(card: Card, amount: int) -> Json:
    """`payment_method_details.card` of a charge."""
    return {
        "amount_authorized": amount,
        "authorization_code": None,
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": random_part(16),
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.number[-4:],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }


# Facts of features the simulator has not got, and facts that later acts fill in: Stripe sends them as nulls.
_NULLS = """
application application_fee application_fee_amount balance_transaction customer failure_balance_transaction
on_behalf_of receipt_number receipt_url review shipping source source_transfer transfer_data transfer_group
"""


def build_charge(
    intent: Json, card: Card | None, email: str | None, name: str | None, now: int, decline: Decline | None
) -> Json:
    """A charge for the whole intent; `card=None` is the transfer that is paid later."""
    details: Json = (
        {"card": card_details(card, intent["amount"]), "type": "card"}
        if card
        else {"customer_balance": {}, "type": "customer_balance"}
    )
    paid = decline is None
    return {
        "id": new_id("ch" if card else "py"),
        "object": "charge",
        **dict.fromkeys(_NULLS.split()),
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "billing_details": billing_details(email, name),
        "calculated_statement_descriptor": "SIMULATED CLUB" if card else None,
        "captured": paid,
        "created": now,
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": details,
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded" if paid else "failed",
    }


def _outcome(decline: Decline | None) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline.decline_code if decline else None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank did not say why it declined." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }
