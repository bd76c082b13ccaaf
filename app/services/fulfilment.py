"""Turns Stripe's own word about a Checkout into places, money in the books and mail owed. Idempotent, keyed on the payment.

Called inside one transaction by the webhook, the return page and the worker alike, so every trigger ends in the same state
(promise 6). Nothing here trusts anything but the Checkout handed in, which was fetched from Stripe or signed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..integrations.payments import Checkout, CheckoutStatus
from ..models import Order, OrderItem, Payment
from ..rules import holds
from ..rules.statuses import PAYMENT_MOVES, UNSETTLED, OrderStatus, PaymentStatus, sources
from ..transaction import connection_of
from . import (
    audit,
    baskets,
    cases,
    difference_item,
    items,
    ledger,
    letters,
    order_lines,
    orders,
    promotions,
    refunds,
    releasing,
)
from .attempts import Attempt
from .writes import moved


class Applied(StrEnum):
    """What applying a Checkout came to."""

    FULFILLED = "fulfilled"
    ALREADY = "already"
    REFUNDED = "refunded"
    MISMATCH = "mismatch"
    PROCESSING = "processing"
    EXPIRED = "expired"
    STILL_OPEN = "still_open"


def apply(db: Session, attempt: Attempt, checkout: Checkout, actor: str, *, end: bool = False) -> Applied:
    """Bring our record in line with the Checkout. ``end``: the hold is over, so an expired Checkout frees the places."""
    order, payment, now = attempt.order, attempt.payment, clock.now()
    if payment.checkout_id is None:
        _move(db, payment, PaymentStatus.OPEN, checkout_id=checkout.id, checkout_url=checkout.url)
    if payment.status is PaymentStatus.SUCCEEDED:
        return Applied.ALREADY
    if checkout.paid:
        return _capture(db, attempt, checkout, actor, now)
    if checkout.status is CheckoutStatus.EXPIRED:
        _move(db, payment, PaymentStatus.EXPIRED, next_check_at=None)
        return _expired(db, order, actor, now, end)
    if checkout.failed:
        fail_delayed(db, attempt, actor)
        return Applied.EXPIRED
    if checkout.status is CheckoutStatus.COMPLETE:
        _move(db, payment, PaymentStatus.PROCESSING, next_check_at=now + holds.CHECK_EVERY)
        return Applied.PROCESSING
    db.execute(update(Payment).where(Payment.id == payment.id).values(next_check_at=now + holds.CHECK_EVERY))
    return Applied.STILL_OPEN


def fail_delayed(db: Session, attempt: Attempt, actor: str) -> None:
    """A delayed payment method failed in the end: the attempt is over and the hold with it, and the person is told, once."""
    order, payment = attempt.order, attempt.payment
    if _move(db, payment, PaymentStatus.FAILED, next_check_at=None) and order.status is OrderStatus.PENDING:
        given_up = order.cancel_requested_at is not None
        releasing.release_order(db, order, OrderStatus.CANCELLED if given_up else OrderStatus.EXPIRED, actor)
        more = {"still_registered": difference_item.booking_goes_on(db, order.id)}
        letters.owe_order_letter(db, "payment_failed", order.id, key=f"payment:{payment.id}", more=more)


def _expired(db: Session, order: Order, actor: str, now: datetime, end: bool) -> Applied:
    due = order.hold_expires_at is not None and now >= order.hold_expires_at
    over = end or due or order.cancel_requested_at is not None
    if order.status is OrderStatus.PENDING and over and not _may_still_be_paid(db, order):
        given_up = order.cancel_requested_at is not None
        releasing.release_order(db, order, OrderStatus.CANCELLED if given_up else OrderStatus.EXPIRED, actor)
    return Applied.EXPIRED


def _may_still_be_paid(db: Session, order: Order) -> bool:
    """Word of an attempt that ended long ago frees nothing while a newer one is open (promise 10)."""
    return connection_of(db).execute(_UNSETTLED, {"order_id": order.id}).first() is not None


_UNSETTLED = select(Payment.id).where(
    Payment.order_id == bindparam("order_id"), or_(*(Payment.status == status for status in sorted(UNSETTLED)))
)


def _capture(db: Session, attempt: Attempt, checkout: Checkout, actor: str, now: datetime) -> Applied:
    """Money is there. Decide what it buys: the order, nothing because something is wrong, or its own way back."""
    order, payment = attempt.order, attempt.payment
    if attempt.pays_another:
        cases.open_case(db, f"intent:{checkout.id}", "payment_used_twice", order_id=order.id, payment_id=payment.id)
        return Applied.MISMATCH
    captured, problem = checkout.amount_total_cents, _mismatch(order, payment, checkout)
    _move(
        db,
        payment,
        PaymentStatus.SUCCEEDED,
        captured_cents=captured,
        currency=checkout.currency,
        payment_intent_id=checkout.payment_intent_id,
        paid_at=now,
        next_check_at=None,
    )
    audit.record(db, actor, "payment_captured", "order", order.id, payment=payment.id, cents=captured)
    if problem is not None:
        ledger.book(
            db, f"payment:{payment.id}", ledger.CLEARING, ledger.SUSPENSE, captured, checkout.currency, payment_id=payment.id
        )  # fmt: skip
        detail = {"problem": problem, "captured_cents": captured, "currency": checkout.currency}
        detail |= {"discount_cents": checkout.amount_discount_cents} if problem == "discount" else {}
        cases.open_case(db, f"payment:{payment.id}", "payment_mismatch", order_id=order.id, payment_id=payment.id, **detail)
        return Applied.MISMATCH
    if order.status is OrderStatus.PAID:
        return _give_back(db, order, payment, captured, "paid_twice", "refunded_double", actor)
    promotions.book(db, order, payment, checkout.amount_discount_cents, actor)
    return _fulfil(db, attempt, captured, actor, now)


def _fulfil(db: Session, attempt: Attempt, captured: int, actor: str, now: datetime) -> Applied:
    """Each item fulfils itself; what cannot be had any more is refunded, the rest is kept."""
    order, payment, lines = attempt.order, attempt.payment, order_lines.with_bookings(db, attempt.order.id)
    bought = [line.item for line in lines]
    had, lost = [], []
    for item in bought:
        handler = items.handler(item.kind)
        if order.status is not OrderStatus.CANCELLED and handler.fulfil(db, item, actor, now):
            had.append(item)
            promotions.note_price(db, order, item)
            ledger.book(
                db, f"payment:{payment.id}:item:{item.id}", ledger.CLEARING, ledger.revenue(item.kind), _cents(item),
                payment.currency, payment_id=payment.id, club_session_id=handler.club_session_id(db, item),
            )  # fmt: skip
        else:
            lost.append(item)
    if not had:
        releasing.release_order(db, order, OrderStatus.CANCELLED, actor)  # nothing of it can be had: it keeps nothing either
        _owe_lines_back(db, payment, bought, actor)
        apology = "refunded_mismatch" if difference_item.booking_goes_on(db, order.id) else _apology(order, bought)
        letters.owe_order_letter(db, apology, order.id, key=f"payment:{payment.id}", refund_cents=captured)
        return Applied.REFUNDED
    _mark_paid(db, attempt, actor, now)
    for item in lost:
        items.handler(item.kind).release(db, item, OrderStatus.CANCELLED, actor)
    back = _owe_lines_back(db, payment, lost, actor)
    letter = items.handler(had[0].kind).letter(db, had[0])
    gone = [item.id for item in lost]
    letters.owe_order_letter(
        db, letter, order.id, key=f"order:{order.id}", refund_cents=back or None, lost=gone, held=(order, lines)
    )
    return Applied.FULFILLED


def _mark_paid(db: Session, attempt: Attempt, actor: str, now: datetime) -> None:
    """The order is paid, and what hangs on it: a code that it used, the basket that it came from."""
    order_id = attempt.order.id
    orders.move(db, order_id, OrderStatus.PAID, settles=attempt.uses_code, paid_at=now)
    audit.record(db, actor, "paid", "order", order_id, payment=attempt.payment.id)
    if attempt.in_basket:
        baskets.empty_paid(db, order_id)


def _owe_lines_back(db: Session, payment: Payment, lost: Sequence[OrderItem], actor: str) -> int:
    """Each line that could not be had gives its own money back; returns the sum."""
    for item in lost:
        items.handler(item.kind).bought_nothing(db, item)
        if _cents(item):
            _owe_back(db, payment, _cents(item), "too_late", actor, item)
    return sum(map(_cents, lost))


def _cents(item: OrderItem) -> int:
    return item.unit_amount_cents * item.quantity


def _apology(order: Order, lost: Sequence[OrderItem]) -> str:
    """The letter for an order of which nothing can be had: its kind's own, or plain words for several kinds."""
    ended = OrderStatus.EXPIRED if order.status is OrderStatus.EXPIRED else OrderStatus.CANCELLED
    apologies = {items.handler(item.kind).apology(ended) for item in lost}
    return apologies.pop() if len(apologies) == 1 else "purchase_refunded"


def _give_back(db: Session, order: Order, payment: Payment, cents: int, reason: str, template: str, actor: str) -> Applied:
    """All of it goes back, with a letter that says so."""
    _owe_back(db, payment, cents, reason, actor)
    letters.owe_order_letter(db, template, order.id, key=f"payment:{payment.id}", refund_cents=cents)
    return Applied.REFUNDED


def _owe_back(db: Session, payment: Payment, cents: int, reason: str, actor: str, item: OrderItem | None = None) -> None:
    """Book the money as owed and write the intent to refund it, for one line or for all; the worker calls Stripe."""
    key = f"payment:{payment.id}:owed:{reason}" + (f":item:{item.id}" if item is not None else "")
    ledger.book(db, key, ledger.CLEARING, ledger.OWED, cents, payment.currency, payment_id=payment.id)
    refunds.add_refund(db, payment.id, cents, reason, actor, order_item_id=item.id if item is not None else None)


def _mismatch(order: Order, payment: Payment, checkout: Checkout) -> str | None:
    """Why this money is not what was ordered, or None (promise 5)."""
    if checkout.order_reference != order.reference:
        return "order"
    if checkout.live != current_settings().live:
        return "mode"
    if checkout.currency != payment.currency:
        return "currency"
    total, discount = checkout.amount_total_cents, checkout.amount_discount_cents
    return promotions.problem(payment, total, discount, checkout.amount_subtotal_cents)


def _move(db: Session, payment: Payment, status: PaymentStatus, **values: object) -> bool:
    """The guarded move, or the same status with other facts. The order's lock keeps everybody else from the row."""
    return moved(db, Payment, payment.id, [*sources(PAYMENT_MOVES, status), status], status=status, **values)
