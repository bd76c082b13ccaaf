"""How an order stands, in the one word that the top of its page is drawn from (promise 11), and in the words of what it is for.

Called by templates.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .queries import item_facts
from .queries.item_facts import KindWords
from .rules.statuses import ENDED, OrderStatus, PaymentStatus, RegistrationStatus

if TYPE_CHECKING:
    from .queries.orders import OrderView

UNPAID = (
    RegistrationStatus.OFFERED, RegistrationStatus.WAITLISTED, RegistrationStatus.IN_RESERVE, RegistrationStatus.UNDER_REVIEW,
)  # fmt: skip
"""Standings with nothing to pay yet, the most urgent first."""


def order_standing(order: OrderView, now: datetime) -> str:
    """The one true thing to say of an order at the top of its page (promise 11): which heading, words and buttons it gets.

    registered, paid (nothing to attend in it), under_review, in_reserve, waitlisted, offered, to_pay, ending (time is up, Stripe
    not yet asked), checking, expired, cancelled, declined, refunded. Money that has arrived and is not yet accounted for is
    always "checking".
    """
    registrations = {item.registration.status for item in order.items if item.registration}
    if order.captured_cents and order.refunded_cents >= order.captured_cents and not _place_stays(order, registrations):
        return "refunded"
    if order.status is OrderStatus.PENDING:
        return _pending_standing(order, registrations, now)
    if order.status is OrderStatus.PAID:
        return _paid_standing(order, registrations)
    if order.paid_at is None and (order.payment is PaymentStatus.PROCESSING or order.captured_cents > order.refunded_cents):
        return "checking"
    if any(item.registration and item.registration.turned_down for item in order.items):
        return "declined"
    return "expired" if order.status is OrderStatus.EXPIRED else "cancelled"


def only_words(order: OrderView) -> KindWords | None:
    """The words of the one kind of things that this order is for; None for places, and for several kinds."""
    kinds = {item.kind for item in order.items}
    with_places = any(item.registration for item in order.items)
    return item_facts.words_of(next(iter(kinds))) if len(kinds) == 1 and not with_places else None


def _place_stays(order: OrderView, registrations: set[RegistrationStatus]) -> bool:
    """Whether a place of it is still had though all of the money has gone back: free beside a membership, or out of kindness."""
    return order.status is OrderStatus.PAID and RegistrationStatus.REGISTERED in registrations and not order.difference


def _pending_standing(order: OrderView, registrations: set[RegistrationStatus], now: datetime) -> str:
    if order.payment in (PaymentStatus.PROCESSING, PaymentStatus.SUCCEEDED) or order.captured_cents:
        return "checking"
    for status in UNPAID:
        if status in registrations and order.payment is None:
            return status.value
    if order.hold_expires_at is not None and order.hold_expires_at <= now:
        return "ending"
    return "to_pay"


def _paid_standing(order: OrderView, registrations: set[RegistrationStatus]) -> str:
    if not registrations or (registrations <= ENDED and any(item.facts for item in order.items)):
        return "paid"
    for status in (RegistrationStatus.REGISTERED, RegistrationStatus.WAITLISTED):
        if status in registrations:
            return status.value
    return "cancelled" if registrations <= ENDED else "checking"
