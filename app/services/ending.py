"""Ends what is not paid: given up, never begun, or out of time. A place is freed only when its Checkout can no longer be paid.

The order is always expire at Stripe → look → act (promise 10). Called by checkout, the order page and the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from .. import clock
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import Checkout, GatewayError, GatewayMissing, GatewayRefused
from ..models import Order, Payment
from ..rules import holds
from ..rules.refusals import CheckoutNotEnded, OrderNotOpen
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from ..transaction import retried, transaction
from . import attempts, audit, fulfilment, orders, releasing
from .writes import changed


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What is needed to ask Stripe about one payment outside a transaction."""

    payment_id: int
    order_id: int
    checkout_id: str | None
    params: dict[str, Any]
    key: str
    expires_at: datetime
    over: bool
    """The order has ended, was given up, or its hold is due: the Checkout must not be paid any more."""


@retried
def abandon(payment_id: int, error: str, *, certain: bool) -> None:
    """Stripe gave no Checkout: free the places at once. ``certain``: nothing exists there; else the worker makes sure of it.

    Safe although Stripe may have made one: its address was never handed to anybody, and the worker expires it.
    """
    now = clock.now()
    with transaction() as db:
        order_id = db.execute(select(Payment.order_id).where(Payment.id == payment_id)).scalar_one()
        order = orders.lock(db, order_id)
        values: dict[str, Any] = {"last_error": error, "next_check_at": now + holds.RETRY_AFTER}
        if certain:
            values |= {"status": PaymentStatus.FAILED, "next_check_at": None}
        still_unmade = (Payment.id == payment_id, Payment.status == PaymentStatus.CREATED, Payment.checkout_id.is_(None))
        if not changed(db, update(Payment).where(*still_unmade).values(values)):
            return  # another request got the Checkout meanwhile: the order lives
        releasing.release_order(db, order, OrderStatus.EXPIRED, audit.GUEST)


def give_up(order_token: str, actor: str = audit.GUEST) -> OrderStatus:
    """"Give up my place": end the order as soon as its Checkout can no longer be paid; returns where the order stands now.

    Stripe unreachable keeps the place and the wish: the worker goes on with it. Raises OrderNotOpen when there is nothing to end.
    """
    order_id = _wish_to_cancel(order_token, actor)
    end_order(order_id)
    return flask_db.session.execute(select(Order.status).where(Order.id == order_id)).scalar_one()


def end_order(order_id: int) -> None:
    """End one due or given-up order: through its Checkout when it has one, at once when it has none."""
    attempt = _attempt(Payment.order_id == order_id, Payment.status.in_(UNSETTLED))
    if attempt is None:
        _release_unpayable(order_id)
    else:
        settle(attempt)


def settle_payment(payment_id: int) -> None:
    """Look one unsettled payment up at Stripe and act on what it says; ends it when its order is over."""
    attempt = _attempt(Payment.id == payment_id, Payment.status.in_(UNSETTLED))
    if attempt is not None:
        settle(attempt)


def end_checkout(payment_id: int) -> None:
    """End the Checkout of an order that goes on without it: expire, look, record. What was paid meanwhile is fulfilled.

    Raises CheckoutNotEnded when Stripe cannot say that it can no longer be paid.
    """
    attempt = _attempt(Payment.id == payment_id, Payment.status.in_(UNSETTLED))
    if attempt is None:
        return
    try:
        checkout = _look(replace(attempt, over=True))
    except GatewayMissing as error:
        _cannot_exist(replace(attempt, over=False), str(error))
    except GatewayError as error:
        raise CheckoutNotEnded from error
    else:
        _apply(replace(attempt, over=False), checkout)


def settle(attempt: _Attempt) -> None:
    """Ask Stripe, then act in one transaction. Unreachable: nothing changes but the time of the next look."""
    try:
        checkout = _look(attempt)
    except GatewayMissing as error:
        _cannot_exist(attempt, str(error))
    except GatewayRefused as error:
        if attempt.checkout_id is None:  # the stored parameters are refused: no Checkout was ever made with this key
            _cannot_exist(attempt, str(error))
        else:
            _later(attempt.payment_id, str(error))
    except GatewayError as error:
        _later(attempt.payment_id, str(error))
    else:
        _apply(attempt, checkout)


def _look(attempt: _Attempt) -> Checkout:
    checkout_id = attempt.checkout_id
    if checkout_id is None:  # an answer was lost: the same key and parameters give the same Checkout, never a second one
        checkout_id = gateway().create_checkout(attempt.params, attempt.key).id
    return gateway().expire_checkout(checkout_id) if attempt.over else gateway().retrieve_checkout(checkout_id)


def _attempt(*where: Any) -> _Attempt | None:
    row = flask_db.session.execute(
        select(
            Payment.id, Payment.order_id, Payment.checkout_id, Payment.params, Payment.idempotency_key, Payment.expires_at,
            Order.status, Order.hold_expires_at, Order.cancel_requested_at,
        ).join(Order, Order.id == Payment.order_id).where(*where)
    ).first()  # fmt: skip
    if row is None:
        return None
    due = row.hold_expires_at is not None and clock.now() >= row.hold_expires_at
    over = due or row.cancel_requested_at is not None or row.status is not OrderStatus.PENDING
    return _Attempt(row.id, row.order_id, row.checkout_id, row.params, row.idempotency_key, row.expires_at, over)


@retried
def _apply(attempt: _Attempt, checkout: Checkout) -> None:
    with transaction() as db:
        locked = attempts.of_payment(db, attempt.payment_id, checkout)
        fulfilment.apply(db, locked, checkout, audit.WORKER, end=attempt.over)


@retried
def _cannot_exist(attempt: _Attempt, error: str) -> None:
    """Stripe knows no such Checkout. Nobody can pay it; the hold goes when it is due, not before."""
    with transaction() as db:
        order = orders.lock(db, attempt.order_id)
        ended = (Payment.id == attempt.payment_id, Payment.status.in_([PaymentStatus.CREATED, PaymentStatus.OPEN]))
        values = {"status": PaymentStatus.FAILED, "last_error": error, "next_check_at": None}
        if changed(db, update(Payment).where(*ended).values(values)) and attempt.over:
            _release(db, order)


@retried
def _later(payment_id: int, error: str) -> None:
    current_app.logger.warning("payment %s not settled: %s", payment_id, error)
    with transaction() as db:
        values = {"next_check_at": clock.now() + holds.RETRY_AFTER, "attempts": Payment.attempts + 1, "last_error": error}
        db.execute(update(Payment).where(Payment.id == payment_id).values(values))


@retried
def _wish_to_cancel(order_token: str, actor: str) -> int:
    with transaction() as db:
        order_id = db.execute(select(Order.id).where(Order.token == order_token)).scalar_one_or_none()
        if order_id is None:
            raise OrderNotOpen
        order = orders.lock(db, order_id)
        if order.status is not OrderStatus.PENDING:
            raise OrderNotOpen
        if order.cancel_requested_at is None:
            db.execute(update(Order).where(Order.id == order_id).values(cancel_requested_at=clock.now()))
            audit.record(db, actor, "cancel_requested", "order", order_id)
        return int(order_id)


@retried
def _release_unpayable(order_id: int) -> None:
    """End an order that has no attempt open at Stripe: waiting, or its attempts have all ended."""
    with transaction() as db:
        order = orders.lock(db, order_id)
        unsettled = select(Payment.id).where(Payment.order_id == order_id, Payment.status.in_(UNSETTLED))
        if db.execute(unsettled).first() is None:
            _release(db, order)


def _release(db: Any, order: Order) -> None:
    status = OrderStatus.CANCELLED if order.cancel_requested_at is not None else OrderStatus.EXPIRED
    releasing.release_order(db, order, status, audit.WORKER)
