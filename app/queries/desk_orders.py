"""Orders, payments and refunds as the treasurer lists them: what was bought, what was paid and how, what went back.

Called by the admin blueprint. Rows carry the order's token, which opens its page on the desk; cents are minor units.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from ..extensions import db
from ..models import Order, OrderItem, Payment, Refund
from ..rules.statuses import RefundStatus
from .desk_listing import Listing

_O, _P, _R = Order, Payment, Refund
STRIPE = "stripe"


def _what() -> ColumnElement[Any]:
    """What the order is for, one item after the other."""
    items = select(func.aggregate_strings(OrderItem.description, "; ")).where(OrderItem.order_id == _O.id)
    return items.correlate(_O).scalar_subquery()


def _kinds() -> ColumnElement[Any]:
    items = select(func.aggregate_strings(OrderItem.kind, ";")).where(OrderItem.order_id == _O.id)
    return items.correlate(_O).scalar_subquery()


def _back(of: ColumnElement[bool], *outer: Any) -> ColumnElement[Any]:
    """What has gone back, or is on its way back."""
    sent = select(func.coalesce(func.sum(_R.amount_cents), 0)).where(of, _R.status != RefundStatus.FAILED)
    return sent.correlate(*outer).scalar_subquery()


def _orders() -> Select[Any]:
    captured = select(func.coalesce(func.sum(_P.captured_cents), 0)).where(_P.order_id == _O.id).correlate(_O).scalar_subquery()
    of_order = _R.payment_id.in_(select(_P.id).where(_P.order_id == _O.id).correlate(_O))
    return select(
        _O.token, _O.reference, _O.name, _O.email, _O.status, _O.currency, _O.total_cents, _O.created_at, _O.paid_at,
        _what().label("what"), _kinds().label("kinds"), captured.label("captured_cents"),
        _back(of_order, _O).label("refunded_cents"),
    )  # fmt: skip


def _payments() -> Select[Any]:
    return select(
        _P.provider, _P.status, _P.currency, _P.amount_cents, _P.captured_cents, _P.fee_cents, _P.paid_at, _P.created_at,
        _P.checkout_id, _P.payment_intent_id, _O.token, _O.reference, _O.name, _O.email, _what().label("what"),
        _back(_R.payment_id == _P.id, _P).label("refunded_cents"),
    ).join(_O, _O.id == _P.order_id)  # fmt: skip


def _refunds() -> Select[Any]:
    return (
        select(
            _R.status, _R.amount_cents, _R.reason, _R.actor, _R.provider_ref, _R.created_at, _R.last_error, _P.currency,
            _P.provider, _P.payment_intent_id, _O.token, _O.reference, _O.name, _O.email, OrderItem.description.label("what"),
        )
        .join(_P, _P.id == _R.payment_id)
        .join(_O, _O.id == _P.order_id)
        .outerjoin(OrderItem, OrderItem.id == _R.order_item_id)
    )  # fmt: skip


def _has_kind(kind: str) -> ColumnElement[bool]:
    return _O.id.in_(select(OrderItem.order_id).where(OrderItem.kind == kind))


def _paid_with(stripe_id: str) -> ColumnElement[bool]:
    """Orders of which a payment or a refund has this id at Stripe."""
    of_refund = select(_R.payment_id).where(_R.provider_ref == stripe_id)
    named = or_(_P.checkout_id == stripe_id, _P.payment_intent_id == stripe_id, _P.id.in_(of_refund))
    return _O.id.in_(select(_P.order_id).where(named))


def _refunded_as(stripe_id: str) -> ColumnElement[bool]:
    return _P.id.in_(select(_R.payment_id).where(_R.provider_ref == stripe_id))


ORDERS = Listing(
    _orders, (_O.name, _O.email, _O.reference), key=_O.id, at=_O.created_at, cents=_O.total_cents, status=_O.status,
    of_kind=_has_kind, by_id=_paid_with,
)  # fmt: skip
PAYMENTS = Listing(
    _payments, (_O.name, _O.email, _O.reference, _P.payment_intent_id, _P.checkout_id), key=_P.id,
    at=func.coalesce(_P.paid_at, _P.created_at), cents=_P.amount_cents, status=_P.status, provider=_P.provider,
    of_kind=_has_kind, by_id=_refunded_as,
)  # fmt: skip
"""A payment's day is when it was paid, or begun while it is not."""
REFUNDS = Listing(
    _refunds, (_O.name, _O.email, _O.reference, _R.provider_ref, _P.payment_intent_id), key=_R.id, at=_R.created_at,
    cents=_R.amount_cents, status=_R.status, provider=_P.provider, of_kind=lambda kind: OrderItem.kind == kind,
)  # fmt: skip


def providers() -> list[str]:
    """How money has been taken so far: Stripe first. One statement."""
    found = db.session.execute(select(_P.provider).distinct()).scalars()
    return sorted(found, key=lambda provider: (provider != STRIPE, provider))


def refund_actors() -> list[str]:
    """Whoever decided a refund so far, as the record names them. One statement."""
    return list(db.session.execute(select(_R.actor).distinct()).scalars())
