"""The outside world behind Protocols: Stripe, mail, calendar files. They know no model, and no network call runs inside a
transaction.
"""

from __future__ import annotations

from typing import cast

from flask import current_app

from .payments import PaymentGateway


def gateway() -> PaymentGateway:
    """The payment provider that ``create_app`` wired in."""
    return cast(PaymentGateway, current_app.extensions["muster_gateway"])
