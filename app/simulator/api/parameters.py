"""The parameters of every operation that creates or changes something, as Stripe's API 2026-10-28.endive has them.

Read by the operations beside this file. What Stripe has and the simulator does not act on is refused by name.
"""
from __future__ import annotations

from ..schema import (
    Boolean,
    Choice,
    Currency,
    Email,
    Fields,
    Integer,
    Many,
    Metadata,
    Number,
    Text,
    Url,
    unsupported_fields,
    words,
)
from .operation import EXPAND

_LOCALES = words(
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR"
    " ro ru sk sl sv th tr vi zh zh-HK zh-TW"
)
_PRICE_DATA = Fields(
    {
        "currency": Currency(),
        "unit_amount": Integer(0),
        "product_data": Fields(
            {
                "name": Text(5000),
                "description": Text(40000),
                "images": Many(Url(), 8),
                "metadata": Metadata(),
                "tax_code": Text(),
                "unit_label": Text(12),
            },
            ("name",),
        ),
        "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
        **unsupported_fields(("product", "recurring", "unit_amount_decimal")),
    },
    ("currency", "unit_amount", "product_data"),
)
_LINE_ITEM = Fields(
    {
        "price_data": _PRICE_DATA,
        "quantity": Integer(1, 999_999),
        "metadata": Metadata(),
        **unsupported_fields(("adjustable_quantity", "price", "tax_rates")),
    },
    ("price_data", "quantity"),
)
_INTENT_DATA = Fields(
    {
        "description": Text(1000),
        "metadata": Metadata(),
        "receipt_email": Email(),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "capture_method": Choice(("automatic", "automatic_async", "manual"), ("automatic", "automatic_async")),
        **unsupported_fields(
            words(
                "application_fee_amount on_behalf_of setup_future_usage shipping transfer_data transfer_group"
            )
        ),
    }
)
_THREE_D_SECURE = Choice(("any", "automatic", "challenge"))
_OFF = Fields({"enabled": Choice(("true", "false"), ("false",))}, ("enabled",))
SESSION_CREATE = Fields(
    {
        "adaptive_pricing": Fields({"enabled": Boolean()}),
        "after_expiration": Fields({"recovery": _OFF}),
        "allow_promotion_codes": Boolean(),
        "allowed_payment_method_types": Many(Text(100)),
        "automatic_tax": _OFF,
        "billing_address_collection": Choice(("auto", "required")),
        "cancel_url": Url(),
        "client_reference_id": Text(200),
        "currency": Currency(),
        "customer_creation": Choice(("always", "if_required")),
        "customer_email": Email(),
        "discounts": Many(Fields({"coupon": Text(), "promotion_code": Text()}), 1),
        "excluded_payment_method_types": Many(Text(100)),
        "expand": EXPAND,
        "expires_at": Integer(0),
        "invoice_creation": _OFF,
        "line_items": Many(_LINE_ITEM, 100, "A Checkout Session may have at most 100 line items."),
        "locale": Choice(_LOCALES),
        "metadata": Metadata(),
        "mode": Choice(("payment", "setup", "subscription"), ("payment",)),
        "origin_context": Choice(("mobile_app", "web")),
        "payment_intent_data": _INTENT_DATA,
        "payment_method_options": Fields({"card": Fields({"request_three_d_secure": _THREE_D_SECURE})}),
        "phone_number_collection": _OFF,
        "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
        "success_url": Url(),
        "ui_mode": Choice(("elements", "embedded_page", "form", "hosted_page"), ("hosted_page",)),
        **unsupported_fields(
            words(
                "branding_settings consent_collection custom_fields custom_text customer customer_account"
                " customer_update integration_identifier managed_payments name_collection optional_items"
                " payment_method_collection payment_method_configuration payment_method_data permissions"
                " redirect_on_completion return_url saved_payment_method_options setup_intent_data"
                " shipping_address_collection shipping_options subscription_data tax_id_collection wallet_options"
            )
        ),
    },
    ("success_url", "mode", "line_items"),
)
SESSION_UPDATE = Fields(
    {
        "expand": EXPAND,
        "metadata": Metadata(),
        **unsupported_fields(("collected_information", "line_items", "payment_intent_data", "shipping_options")),
    }
)
REFUND_CREATE = Fields(
    {
        "amount": Integer(1),
        "charge": Text(),
        "expand": EXPAND,
        "metadata": Metadata(),
        "payment_intent": Text(),
        "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
        **unsupported_fields(
            words("currency customer instructions_email origin refund_application_fee reverse_transfer")
        ),
    }
)
METADATA_ONLY = Fields({"expand": EXPAND, "metadata": Metadata()})
COUPON_CREATE = Fields(
    {
        "amount_off": Integer(1),
        "currency": Currency(),
        "duration": Choice(("forever", "once", "repeating"), ("forever", "once")),
        "expand": EXPAND,
        "id": Text(),
        "max_redemptions": Integer(1),
        "metadata": Metadata(),
        "name": Text(40),
        "percent_off": Number(0, 100),
        "redeem_by": Integer(0),
        **unsupported_fields(("applies_to", "currency_options", "duration_in_months")),
    }
)
PROMOTION_CODE_CREATE = Fields(
    {
        "promotion": Fields({"type": Choice(("coupon",)), "coupon": Text()}, ("type", "coupon")),
        "active": Boolean(),
        "code": Text(500),
        "expand": EXPAND,
        "expires_at": Integer(0),
        "max_redemptions": Integer(1),
        "metadata": Metadata(),
        "restrictions": Fields(
            {
                "first_time_transaction": Boolean(),
                "minimum_amount": Integer(1),
                "minimum_amount_currency": Currency(),
                **unsupported_fields(("currency_options",)),
            }
        ),
        **unsupported_fields(("customer", "customer_account")),
    },
    ("promotion",),
)
WEBHOOK_ENDPOINT_CREATE = Fields(
    {
        "api_version": Text(40),
        "description": Text(),
        "enabled_events": Many(Text(100), 500),
        "expand": EXPAND,
        "metadata": Metadata(),
        "url": Url(),
        **unsupported_fields(("connect",)),
    },
    ("enabled_events", "url"),
)
