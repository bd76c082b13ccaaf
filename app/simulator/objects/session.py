"""Builds a Checkout Session with every field Stripe sends, the empty ones included.

Called by `acts.sessions`; later changes are made to the stored object by the acts.
"""
from __future__ import annotations

from ..ids import checkout_id
from ..store import Json

METHODS = ("card", "customer_balance")  # a card, and a transfer that is paid days later


def method_types(params: Json) -> list[str]:
    """What the payer may choose from: the simulator's methods, filtered as the session asks."""
    allowed = params.get("allowed_payment_method_types")
    excluded = params.get("excluded_payment_method_types", [])
    return [m for m in METHODS if (not allowed or m in allowed) and m not in excluded]


def customer_details(email: str | None, name: str | None = None) -> Json:
    """Who pays, as far as they said."""
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


# Facts of features the simulator has not got, and facts that later acts fill in: Stripe sends them as nulls.
_NULLS = """
after_expiration client_secret customer customer_account payment_intent
"""


def build_session(params: Json, base_url: str, subtotal: int, currency: str, now: int) -> Json:
    """A new open session over `subtotal`, before any discount."""
    id_, email = checkout_id(), params.get("customer_email")
    return {
        "id": id_,
        "object": "checkout.session",
        **dict.fromkeys(_NULLS.split()),
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": subtotal,
        "amount_total": subtotal,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": now,
        "currency": currency,
        "customer_creation": params.get("customer_creation", "if_required"),
        "customer_details": customer_details(email) if email else None,
        "customer_email": email,
        "discounts": [],
        "excluded_payment_method_types": params.get("excluded_payment_method_types", []),
        "expires_at": params.get("expires_at", now + 24 * 3600),
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "origin_context": params.get("origin_context"),
        "payment_method_options": params.get("payment_method_options", {}),
        "payment_method_types": method_types(params),
        "payment_status": "unpaid",
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{base_url}/c/pay/{id_}",
        **_unused(),
    }


def _unused() -> Json:
    """Fields of features the simulator has not got, as Stripe sends them when they are off."""
    return {
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None, "shipping_address": None, "submit": None, "terms_of_service_acceptance": None,
        },
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                "account_tax_ids": None, "custom_fields": None, "description": None, "footer": None,
                "issuer": None, "metadata": {}, "rendering_options": None,
            },
        },
        "managed_payments": {"enabled": False},
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "subscription": None,
        "wallet_options": None,
    }  # fmt: skip
