"""Intent, network, result for paying: opens Stripe's Checkout for a committed payment row and stores what came of it.

Called by the registration form, the membership page, the basket and "Pay now". A lost answer is repeated with the same stored
key and parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import bindparam, select

from .. import clock
from ..config import current_settings
from ..integrations import gateway
from ..integrations.payments import Checkout, GatewayError, GatewayRefused
from ..models import Order, Payment
from ..rules import holds
from ..rules.refusals import AlreadyRegistered, OrderNotOpen, PaymentsDown, StripeAway
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from ..transaction import retried, transaction
from . import audit, baskets, ending, hosting, memberships, orders, registrations
from .hosting import Fee
from .items import Buyer, Wanted
from .memberships import Joiner
from .orders import Intent
from .registrations import Applicant, Entered, Outcome
from .writes import moved


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the person goes next, and the order it is about (its token is kept by their browser)."""

    url: str
    order_token: str


def begin_registration(slug: str, applicant: Applicant) -> Destination:
    """Register and leave for Stripe (or for the order page when nothing is to pay). Raises the Refusal that fits.

    When Stripe cannot be reached or refuses, the hold is gone before PaymentsDown is raised.
    """
    return _leave(registrations.register(slug, applicant))


def begin_membership(plan_slug: str, buyer: Joiner) -> Destination:
    """Order a membership and leave for Stripe; as ``begin_registration`` otherwise.

    An order for it that the same person has not paid yet, with another code or without or at a higher price, is ended first.
    """
    earlier = memberships.changed_order(plan_slug, buyer)
    if earlier is not None and _end_first(earlier, buyer.actor) is OrderStatus.PAID:
        return Destination(order_url(earlier), earlier)
    return _leave(memberships.order(plan_slug, buyer))


def begin_listing(slug: str, fee: Fee) -> Destination:
    """Order the listing of a host's draft and leave for Stripe; as ``begin_membership`` otherwise."""
    earlier = hosting.changed_order(slug, fee)
    if earlier is not None and _end_first(earlier, audit.by_user(fee.user_id)) is OrderStatus.PAID:
        return Destination(order_url(earlier), earlier)
    return _leave(hosting.order(slug, fee))


def begin_basket(token: str, buyer: Buyer, expected_total_cents: int | None, attempt: str, code: str = "") -> Destination:
    """Order what is in the basket and leave for Stripe; as ``begin_registration`` otherwise. A Refusal may name its line.

    An unpaid order of this basket that is not the same any more is ended first: what it keeps is wanted again. When Stripe cannot
    be asked whether it was paid, StripeAway.
    """
    if (earlier := baskets.changed_order(token, buyer.email, code, expected_total_cents)) is not None:
        _end_first(earlier, buyer.actor)
    try:
        return _leave(baskets.order(token, buyer, expected_total_cents, attempt, code))
    except AlreadyRegistered as refusal:
        if isinstance(refusal.about, Wanted):
            baskets.tell_had(refusal.about, buyer)
        raise


def _end_first(earlier: str, actor: str) -> OrderStatus:
    """End an unpaid order that stands in the way of a new one; how it ended. Raises StripeAway when nobody can say that."""
    try:
        status = ending.give_up(earlier, actor)
    except OrderNotOpen:
        return OrderStatus.EXPIRED
    if status is OrderStatus.PENDING:
        raise StripeAway
    return status


def _leave(entered: Entered) -> Destination:
    match entered.outcome:
        case Outcome.ALREADY_IN:
            raise AlreadyRegistered
        case Outcome.RESUMED:
            return _resume(entered.order_token)
        case Outcome.TO_PAY if entered.intent is not None:
            try:
                return Destination(_open(entered.intent), entered.order_token)
            except GatewayError as error:
                current_app.logger.warning("checkout not opened: %s", error)
                ending.abandon(entered.intent.payment_id, str(error), certain=isinstance(error, GatewayRefused))
                raise PaymentsDown from error
    return Destination(order_url(entered.order_token), entered.order_token)


def pay(order_token: str) -> Destination:
    """"Pay now" on an open order: the same Checkout while it can be paid, else a new attempt. Raises OrderNotOpen, StripeAway."""
    intent, url = _payable(order_token)
    if url is not None:
        return Destination(url, order_token)
    try:
        return Destination(_open(intent), order_token)
    except GatewayError as error:  # not PaymentsDown, which says that no place is kept: this one is
        raise StripeAway from error


def order_url(token: str) -> str:
    return f"{current_settings().site_url}/orders/{token}"


def _resume(order_token: str) -> Destination:
    """The same person again: the same Checkout, or the order page when there is nothing to pay or Stripe is away."""
    try:
        return pay(order_token)
    except (OrderNotOpen, StripeAway):
        return Destination(order_url(order_token), order_token)


@retried
def _payable(order_token: str) -> tuple[Intent, str | None]:
    """The payment to use for this order, and its Checkout's address when it has one. Makes the next attempt if need be."""
    now = clock.now()
    with transaction() as db:
        order_id = db.execute(select(Order.id).where(Order.token == order_token)).scalar_one_or_none()
        if order_id is None:
            raise OrderNotOpen
        order = orders.lock(db, order_id)
        if order.status is not OrderStatus.PENDING or order.hold_expires_at is None or order.cancel_requested_at is not None:
            raise OrderNotOpen
        payment = db.execute(
            select(Payment).where(Payment.order_id == order_id, Payment.status.in_(UNSETTLED))
        ).scalar_one_or_none()
        if payment is None and now < order.hold_expires_at:
            return orders.add_next_payment(db, order, now), None
        if payment is None or payment.status is PaymentStatus.PROCESSING or now >= payment.expires_at:
            raise OrderNotOpen
        return Intent(payment.id, payment.idempotency_key, payment.params), payment.checkout_url


def _open(intent: Intent) -> str:
    """Create the Checkout (or get the one this key already made) and store it. Raises GatewayError, OrderNotOpen."""
    checkout = gateway().create_checkout(intent.params, intent.key)
    if not _store(intent.payment_id, checkout):
        gateway().expire_checkout(checkout.id)  # the order ended while Stripe answered: nobody may pay for it
        raise OrderNotOpen
    if checkout.url is None:
        raise OrderNotOpen
    return checkout.url


@retried
def _store(payment_id: int, checkout: Checkout) -> bool:
    """Store the Checkout; False when the payment is no longer waiting for one that may be paid."""
    made = {"checkout_id": checkout.id, "checkout_url": checkout.url, "next_check_at": clock.now() + holds.CHECK_EVERY}
    with transaction() as db:
        order_status = db.execute(_ITS_ORDER, {"payment_id": payment_id}).scalar_one()
        if not moved(db, Payment, payment_id, [PaymentStatus.CREATED], status=PaymentStatus.OPEN, **made):
            row = db.execute(_STORED, {"payment_id": payment_id}).one()
            if row.checkout_id != checkout.id or row.status is not PaymentStatus.OPEN:
                return False  # it ended; else another request with the same key has stored the same
        return order_status is OrderStatus.PENDING


_ITS_ORDER = (
    select(Order.status)
    .where(Order.id == select(Payment.order_id).where(Payment.id == bindparam("payment_id")).scalar_subquery())
    .with_for_update()
)
_STORED = select(Payment.checkout_id, Payment.status).where(Payment.id == bindparam("payment_id"))
