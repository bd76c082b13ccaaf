"""Writes orders, their items and their payment attempts. Called inside the transaction of whoever sells something."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..integrations import gateway
from ..integrations.payments import CheckoutLine, CheckoutRequest
from ..logs import request_id
from ..models import Order, OrderItem, Payment
from ..models.columns import new_reference, new_token
from ..rules import holds
from ..rules.statuses import ORDER_MOVES, ItemKind, OrderStatus, sources
from . import order_lines, promotions, vouchers
from .items import OrderKey, handler, merged
from .order_lines import PricedLine
from .writes import inserted, moved, written


@dataclass(frozen=True, slots=True)
class Buyer:
    name: str
    email: str
    attempt: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """An attempt to pay as it is stored: a Checkout is opened with this key and these parameters, however often it is tried."""

    payment_id: int
    key: str
    params: Mapping[str, Any]


def create_order(
    db: Session, buyer: Buyer, total_cents: int, currency: str, *, pays_now: bool, done: bool, now: datetime,
    hold_until: datetime | None = None, kept: Mapping[str, object] = MappingProxyType({}),
) -> OrderKey:
    """Insert the order: paid at once when ``done`` (nothing to pay), with a hold's end when it is to be paid now.

    ``hold_until``: another end than the usual minutes, chosen by staff. ``kept``: more columns of the order.
    """
    token, reference = new_token(), new_reference()
    hold = hold_until or (holds.hold_expires_at(now, current_settings().hold_minutes) if pays_now else None)
    values = {
        "token": token,
        "reference": reference,
        "user_id": buyer.user_id,
        "email": buyer.email,
        "name": buyer.name,
        "status": OrderStatus.PAID if done else OrderStatus.PENDING,
        "currency": currency,
        "total_cents": total_cents,
        "attempt": buyer.attempt,
        "hold_expires_at": hold,
        "paid_at": now if done else None,
        **kept,
    }
    if not done:
        return OrderKey(inserted(db, Order, **values), token, reference)
    order = written(db, Order, **values)
    return OrderKey(order.id, token, reference, order)


def add_item(
    db: Session,
    order_id: int,
    kind: ItemKind,
    line: CheckoutLine,
    *,
    registration_id: int | None = None,
    lines: Sequence[PricedLine] = (),
) -> OrderItem:
    """Insert one line; what it is for is named by the id of its kind. ``lines``: what it is made of, adding up to ``line``."""
    values: dict[str, Any] = {
        "order_id": order_id,
        "kind": kind,
        "description": line.name,
        "unit_amount_cents": line.unit_amount_cents,
        "quantity": line.quantity,
        "registration_id": registration_id,
    }
    if kept := order_lines.stored(lines):
        values["lines"] = kept
    return written(db, OrderItem, **values)


def add_payment(
    db: Session, order: OrderKey, email: str, currency: str, lines: list[CheckoutLine], metadata: dict[str, str], now: datetime,
    *, takes_promotions: bool,
) -> Intent:
    """Insert the attempt to pay with its key and exact parameters: the intent that is committed before Stripe is called."""
    settings = current_settings()
    expires_at = holds.checkout_expires_at(now, settings.hold_minutes)
    base = f"{settings.site_url}/orders/{order.token}"
    request = CheckoutRequest(
        order_reference=order.reference,
        currency=currency,
        lines=lines,
        customer_email=email,
        success_url=f"{base}/success?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{base}/cancelled",
        expires_at=expires_at,
        metadata={**metadata, "orderId": order.reference, **_trace()},
        promotions=takes_promotions,
    )
    key, params = f"muster-{secrets.token_hex(16)}", gateway().checkout_params(request)
    values = {
        "order_id": order.id,
        "idempotency_key": key,
        "params": params,
        "takes_promotions": request.promotions,
        "amount_cents": sum(line.unit_amount_cents * line.quantity for line in lines),
        "currency": currency,
        "expires_at": expires_at,
        "next_check_at": now + holds.FIRST_CHECK,
    }
    return Intent(inserted(db, Payment, **values), key, params)


def _trace() -> dict[str, str]:
    """The id of the request that this payment began in, so that a line of Stripe's record leads to ours."""
    return {"requestId": request_id()} if request_id() else {}


def add_next_payment(db: Session, order: Order, now: datetime) -> Intent:
    """Another attempt to pay the same, unchanged order, when the one before can no longer be paid."""
    items = order_lines.of_order(db, order.id)
    whole = [(item.lines, CheckoutLine(item.description, item.unit_amount_cents, item.quantity)) for item in items]
    lines = [line for kept, one in whole for line in order_lines.checkout_lines(kept, one)]
    metadata = merged(handler(item.kind).metadata(db, item) for item in items)
    key = OrderKey(order.id, order.token, order.reference)
    takes = promotions.taken_for(db, items)
    return add_payment(db, key, order.email, order.currency, lines, metadata, now, takes_promotions=takes)


def token_of_attempt(db: Session, attempt: str) -> str | None:
    """The order that this very form made before, if it did: the same form sent twice makes one order."""
    return db.execute(_OF_ATTEMPT, {"attempt": attempt}).scalar_one_or_none()


_OF_ATTEMPT = select(Order.token).where(Order.attempt == bindparam("attempt"))


def lock(db: Session, order_id: int) -> Order:
    """The order, locked until the transaction ends: every move of an order begins here."""
    return db.execute(_LOCKED, {"order_id": order_id}).scalar_one()


def locked(order_id: ColumnElement[Any]) -> Select[Order]:
    """SQL that locks the order of this id, for who keeps the statement."""
    return select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)


_LOCKED = locked(bindparam("order_id"))


def is_being_paid(order: Order) -> bool:
    """Whether a Checkout of it may be open: such an order ends only at Stripe first (promise 10)."""
    return order.status is OrderStatus.PENDING and order.hold_expires_at is not None


def move(db: Session, order_id: int, status: OrderStatus, *, settles: bool = True, **values: object) -> bool:
    """The guarded move of an order; False when the table of moves does not allow it from where it is.

    A code that it used is settled with it. Not ``settles``: the caller knows that it used none, or does that itself, after it
    has locked club sessions.
    """
    done = moved(db, Order, order_id, [*sources(ORDER_MOVES, status)], status=status, **values)
    if done and settles:
        vouchers.settle(db, order_id)
    return done
