"""Money that a person took without Stripe, in cash or by bank transfer: the order it pays is fulfilled in the same transaction.

Called by whatever adds a booking by hand and by taking payment for one that is not paid. The invariant: such a payment is written
only for a pending order with no attempt left that Stripe could still be paid for, so an order never keeps two payments.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..models import Order, Payment
from ..rules.refusals import OrderNotOpen
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentStatus
from . import audit, baskets, items, ledger, letters, order_lines, orders


class Means(StrEnum):
    """How money was handed over; the ``provider`` of its payment, and so its account in the books."""

    CASH = "cash"
    BANK = "bank"


def settle(db: Session, order: Order, means: Means | None, actor: str, now: datetime, *, reason: str = "") -> None:
    """Pay the locked order in full by ``means`` and fulfil it; None when it costs nothing. Owes its confirmation.

    Raises OrderNotOpen when it has ended, may still be paid at Stripe, or something of it can no longer be had: then nothing
    may be taken for it.
    """
    if means is None and order.total_cents:
        raise AssertionError(f"order {order.id} costs something: say how it was paid")
    unsettled = select(Payment.id).where(Payment.order_id == order.id, Payment.status.in_(UNSETTLED))
    ended = order.status is not OrderStatus.PENDING or order.cancel_requested_at is not None
    if ended or db.execute(unsettled).first() is not None:
        raise OrderNotOpen
    payment_id = _record(db, order, means, now) if means is not None and order.total_cents else None
    bought = order_lines.of_order(db, order.id)
    for item in bought:
        handler = items.handler(item.kind)
        if not handler.fulfil(db, item, actor, now):
            raise OrderNotOpen
        if means is not None and payment_id is not None:
            ledger.book(
                db, f"payment:{payment_id}:item:{item.id}", ledger.HELD_AT[means], ledger.revenue(item.kind),
                item.unit_amount_cents * item.quantity, order.currency, payment_id=payment_id,
                club_session_id=handler.club_session_id(db, item),
            )  # fmt: skip
    orders.move(db, order.id, OrderStatus.PAID, paid_at=now)
    baskets.empty_paid(db, order.id)
    if payment_id is None:
        audit.record(db, actor, "paid", "order", order.id)
    else:
        audit.record(db, actor, "paid_by_hand", "order", order.id, cents=order.total_cents, means=means, reason=reason)
    letters.owe_order_letter(db, items.handler(bought[0].kind).letter(db, bought[0]), order.id, key=f"order:{order.id}")


def _record(db: Session, order: Order, means: Means, now: datetime) -> int:
    values = {
        "order_id": order.id,
        "provider": means,
        "idempotency_key": f"by-hand-{secrets.token_hex(16)}",
        "params": {},
        "amount_cents": order.total_cents,
        "captured_cents": order.total_cents,
        "currency": order.currency,
        "status": PaymentStatus.SUCCEEDED,
        "expires_at": now,
        "paid_at": now,
    }
    return int(db.execute(insert(Payment).values(values).returning(Payment.id)).scalar_one())
