"""Orders, payments and refunds in the treasurer's words: states, kinds, ways to pay. Given to the desk's templates and exports.

What is not here yet is shown as it is written down, without its underscores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _

from ...queries.desk_listing import Sort
from ...rules.statuses import ItemKind, OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus

ORDER_STATES = {
    OrderStatus.PENDING: (_("Not paid"), "amber"),
    OrderStatus.PAID: (_("Paid"), "green"),
    OrderStatus.EXPIRED: (_("Ended unpaid"), "grey"),
    OrderStatus.CANCELLED: (_("Cancelled"), "grey"),
}
PAYMENT_STATES = {
    PaymentStatus.CREATED: (_("Not paid yet"), "amber"),
    PaymentStatus.OPEN: (_("Not paid yet"), "amber"),
    PaymentStatus.PROCESSING: (_("On its way"), "amber"),
    PaymentStatus.SUCCEEDED: (_("Paid"), "green"),
    PaymentStatus.FAILED: (_("Failed"), "grey"),
    PaymentStatus.EXPIRED: (_("Ended unpaid"), "grey"),
}
REFUND_STATES = {
    RefundStatus.REQUESTED: (_("To be sent"), "amber"),
    RefundStatus.PENDING: (_("On its way"), "amber"),
    RefundStatus.SUCCEEDED: (_("Refunded"), "green"),
    RefundStatus.FAILED: (_("Failed"), "red"),
}
KINDS = {
    ItemKind.REGISTRATION: _("Sessions"),
    ItemKind.MEMBERSHIP: _("Memberships"),
    ItemKind.LISTING: _("Listing fees"),
    ItemKind.PRODUCT: _("Products"),
}
PROVIDERS = {"stripe": _("Stripe"), "cash": _("Cash"), "bank": _("Bank transfer")}
BOOKINGS = {
    RegistrationStatus.REGISTERED: _("Registered"),
    RegistrationStatus.HELD: _("Paying now"),
    RegistrationStatus.OFFERED: _("Offered a place"),
    RegistrationStatus.WAITLISTED: _("On the waitlist"),
    RegistrationStatus.UNDER_REVIEW: _("Applied"),
    RegistrationStatus.IN_RESERVE: _("In reserve"),
    RegistrationStatus.CANCELLED: _("Cancelled"),
    RegistrationStatus.EXPIRED: _("Expired"),
    RegistrationStatus.DECLINED: _("Declined"),
}
BOOKING_PAYMENTS = {
    PaymentState.FREE: _("Free"),
    PaymentState.PENDING: _("Not paid"),
    PaymentState.PAID: _("Paid"),
    PaymentState.PARTIALLY_REFUNDED: _("Partly refunded"),
    PaymentState.REFUNDED: _("Refunded"),
}
SORTS = {
    Sort.NEWEST: _("Newest first"),
    Sort.OLDEST: _("Oldest first"),
    Sort.LARGEST: _("Largest first"),
    Sort.SMALLEST: _("Smallest first"),
}


def plain(word: str) -> str:
    """A word as it is written down, for people."""
    return word.replace("_", " ").capitalize()


def money_state(status: OrderStatus | PaymentStatus | RefundStatus) -> tuple[str, str]:
    """How an order, a payment or a refund stands: words, and the tone of their tag."""
    states: Mapping[Any, tuple[Any, str]] = REFUND_STATES
    if isinstance(status, OrderStatus | PaymentStatus):
        states = ORDER_STATES if isinstance(status, OrderStatus) else PAYMENT_STATES
    words, tone = states[status]
    return str(words), tone


def kind_words(kind: str) -> str:
    """What a line of an order is."""
    return str(dict[str, Any](KINDS).get(kind, plain(kind)))


def provider_words(provider: str | None) -> str:
    """How money was taken."""
    return str(PROVIDERS.get(provider or "stripe", plain(provider or "")))


WORDS = {function.__name__: function for function in (money_state, kind_words, provider_words)}
