"""Builds coupons, promotion codes and the discounts they make.

Called by `acts.promotions` only.
"""
from __future__ import annotations

from ..ids import new_id, random_part
from ..store import Json


def build_coupon(params: Json, now: int) -> Json:
    """So much off, or so many per cent."""
    return {
        "id": params.get("id") or random_part(8),
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": now,
        "currency": params.get("currency"),
        "duration": params.get("duration", "once"),
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": params.get("metadata", {}),
        "name": params.get("name"),
        "percent_off": params.get("percent_off"),
        "redeem_by": params.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }


def build_promotion_code(params: Json, now: int) -> Json:
    """The word a payer types for a coupon."""
    restrictions = params.get("restrictions", {})
    return {
        "id": new_id("promo"),
        "object": "promotion_code",
        "active": params.get("active", True),
        "code": params.get("code") or random_part(8).upper(),
        "created": now,
        "customer": None,
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": params.get("metadata", {}),
        "promotion": {"coupon": params["promotion"]["coupon"], "type": "coupon"},
        "restrictions": {
            "first_time_transaction": restrictions.get("first_time_transaction", False),
            "minimum_amount": restrictions.get("minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }


def build_discount(coupon: str, promotion_code: str | None, session: str, now: int) -> Json:
    """A coupon at work on one session."""
    return {
        "id": new_id("di"),
        "object": "discount",
        "checkout_session": session,
        "customer": None,
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": promotion_code,
        "source": {"coupon": coupon, "type": "coupon"},
        "start": now,
        "subscription": None,
        "subscription_item": None,
    }
