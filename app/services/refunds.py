"""Money going back: a row with its key first, then Stripe, then the result (promise 4). Called by fulfilment, staff and the
worker.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from .. import clock, jobs
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import GatewayError, GatewayRefused, ProviderRefund
from ..models import LedgerEntry, OrderItem, Payment, Refund, Registration
from ..rules.refunds import refundable_cents
from ..rules.statuses import REFUND_MOVES, PaymentState, RefundStatus, sources
from ..transaction import retried, transaction
from . import audit, cases, ledger, membership_spans, orders
from .writes import changed, insert_once

STRIPE = "stripe"
RETRY = timedelta(minutes=1)
MANY = 30
"""After so many tries, half an hour of them, a person should know; the trying goes on."""
KEYS_LIVE = timedelta(hours=23)
"""Stripe forgets idempotency keys after a day: an older intent is looked up before it is repeated."""
STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def add_refund(
    db: Session, payment_id: int, cents: int, reason: str, actor: str, *, order_item_id: int | None = None
) -> int:
    """Write the intent, inside the caller's transaction with the order locked; never more than is left to refund."""
    payment = db.execute(select(Payment).where(Payment.id == payment_id)).scalar_one()
    if cents > left_to_refund(db, payment):
        raise AssertionError(f"payment {payment_id}: refund of {cents} is more than is left")
    by_hand = payment.provider != STRIPE
    refund_id = db.execute(
        insert(Refund)
        .values(
            payment_id=payment_id,
            order_item_id=order_item_id,
            amount_cents=cents,
            reason=reason,
            idempotency_key=f"refund-{secrets.token_hex(16)}",
            actor=actor,
            next_attempt_at=None if by_hand else clock.now(),
        )
        .returning(Refund.id)
    ).scalar_one()
    audit.record(db, actor, "refund_requested", "refund", refund_id, cents=cents, reason=reason)
    if by_hand:  # money that was not taken through Stripe cannot go back through it: a person pays it out
        names = {"order_id": payment.order_id, "payment_id": payment_id}
        cases.open_case(db, f"refund:{refund_id}", "refund_by_hand", **names, refund=int(refund_id), cents=cents)
    else:
        jobs.enqueue(db, "send_refund", str(refund_id))
    return int(refund_id)


def record_by_hand(db: Session, refund_id: int, actor: str) -> None:
    """A person has paid it out: the refund is done and leaves the books where the money was kept."""
    refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
    requested = (Refund.id == refund_id, Refund.status == RefundStatus.REQUESTED)
    if not changed(db, update(Refund).where(*requested).values(status=RefundStatus.SUCCEEDED)):
        return
    paid = db.execute(select(Payment.currency, Payment.provider).where(Payment.id == refund.payment_id)).one()
    names = {"payment_id": refund.payment_id, "refund_id": refund.id}
    kept_at = ledger.HELD_AT[paid.provider]
    ledger.book(db, f"refund:{refund.id}:sent", ledger.OWED, kept_at, refund.amount_cents, paid.currency, **names)
    if refund.order_item_id is not None:
        _mark_line(db, refund.order_item_id, actor)
    audit.record(db, actor, "refund_paid_by_hand", "refund", refund_id, cents=refund.amount_cents)


def left_to_refund(db: Session, payment: Payment) -> int:
    """Captured minus every refund that has not failed, in minor units."""
    promised = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.payment_id == payment.id, Refund.status != RefundStatus.FAILED
    )
    return refundable_cents(payment.captured_cents, db.execute(promised).scalar_one())


def send_due_refunds(limit: int = 50) -> int:
    """Send what is due, one at a time; returns how many were tried. A failing one waits and does not stop the rest."""
    due = select(Refund.id).where(
        Refund.status == RefundStatus.REQUESTED, Refund.next_attempt_at.is_not(None), Refund.next_attempt_at <= clock.now()
    )
    ids = flask_db.session.execute(due.order_by(Refund.next_attempt_at).limit(limit)).scalars().all()
    for refund_id in ids:
        try:
            send_refund(refund_id)
        except Exception:
            current_app.logger.exception("refund %s failed; it rests until its lease is over", refund_id)
    return len(ids)


def send_owed(key: str) -> None:
    """The job: send the refund of this id promptly."""
    send_refund(int(key))


def send_refund(refund_id: int) -> None:
    """Claim, call Stripe with the stored key, record the answer. Safe to repeat and to run twice at once."""
    intent = _claim(refund_id)
    if intent is None:
        return
    payment_intent_id, cents, key, created_at = intent
    try:
        found = None
        if clock.now() - created_at > KEYS_LIVE:
            found = gateway().find_refund(payment_intent_id, key)
        answer = found or gateway().create_refund(payment_intent_id, cents, key, {"refundId": key})
    except GatewayRefused as error:
        _refused(refund_id, str(error))
    except GatewayError as error:
        current_app.logger.warning("refund %s not sent: %s", refund_id, error)
        _note(refund_id, str(error))
    else:
        with transaction() as db:
            record(db, refund_id, answer, audit.WORKER)


@retried
def _claim(refund_id: int) -> tuple[str, int, str, datetime] | None:
    """Lease the refund for a minute, so that two workers do not send it side by side; None when there is nothing to send."""
    now = clock.now()
    with transaction() as db:
        due = (Refund.id == refund_id, Refund.status == RefundStatus.REQUESTED, Refund.next_attempt_at <= now)
        lease = {"attempts": Refund.attempts + 1, "next_attempt_at": now + RETRY}
        if not changed(db, update(Refund).where(*due).values(lease)):
            return None
        row = db.execute(
            select(
                Payment.payment_intent_id, Payment.order_id, Refund.payment_id, Refund.amount_cents, Refund.idempotency_key,
                Refund.created_at, Refund.attempts, Refund.last_error,
            )
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.id == refund_id)
        ).one()  # fmt: skip
        if row.attempts >= MANY:
            stuck = {"refund": refund_id, "attempts": row.attempts, "error": row.last_error}
            key = f"refund:{refund_id}:stuck"
            cases.open_case(db, key, "refund_stuck", order_id=row.order_id, payment_id=row.payment_id, **stuck)
        if row.payment_intent_id is None:
            return None
        return row.payment_intent_id, row.amount_cents, row.idempotency_key, row.created_at


def record(db: Session, refund_id: int, answer: ProviderRefund, actor: str) -> None:
    """Store what Stripe says of this refund and book it: owed money leaves with it, and comes back if it fails later."""
    status = STATUSES.get(answer.status, RefundStatus.PENDING)
    refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
    if refund.status is status or status not in REFUND_MOVES[refund.status]:
        return
    db.execute(
        update(Refund)
        .where(Refund.id == refund_id, Refund.status.in_(sources(REFUND_MOVES, status)))
        .values(status=status, provider_ref=answer.id, next_attempt_at=None, last_error=answer.failure_reason)
    )
    cases.close_by_key(db, f"refund:{refund_id}:stuck", "answered")
    audit.record(db, actor, f"refund_{status}", "refund", refund_id, cents=refund.amount_cents)
    names = {"payment_id": refund.payment_id, "refund_id": refund.id}
    currency = db.execute(select(Payment.currency).where(Payment.id == refund.payment_id)).scalar_one()
    ledger.book(db, f"refund:{refund.id}:sent", ledger.OWED, ledger.CLEARING, refund.amount_cents, currency, **names)
    if refund.order_item_id is not None:
        _mark_line(db, refund.order_item_id, actor)
    if status is RefundStatus.FAILED:
        ledger.book(db, f"refund:{refund.id}:failed", ledger.CLEARING, ledger.OWED, refund.amount_cents, currency, **names)
        cases.open_case(db, f"refund:{refund.id}", "refund_failed", payment_id=refund.payment_id, refund=refund.id)


def _mark_line(db: Session, order_item_id: int, actor: str) -> None:
    """Say on the registration how much of what was paid for it has gone back; a membership that is refunded ends."""
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.order_item_id == order_item_id, Refund.status.in_([RefundStatus.PENDING, RefundStatus.SUCCEEDED])
    )
    gone = int(db.execute(back).scalar_one())
    membership_spans.end_refunded_item(db, order_item_id, gone, actor)
    part = PaymentState.PARTIALLY_REFUNDED if gone else PaymentState.PAID
    status = case((Registration.amount_paid_cents <= gone, PaymentState.REFUNDED.value), else_=part.value)
    of_item = select(OrderItem.registration_id).where(OrderItem.id == order_item_id).scalar_subquery()
    statement = update(Registration).where(Registration.id == of_item).values(payment_status=status)
    db.execute(statement.execution_options(synchronize_session=False))


def adopt(db: Session, payment: Payment, answer: ProviderRefund) -> None:
    """A refund made elsewhere (Stripe's dashboard): it becomes a row of ours, booked against what the payment bought, once."""
    orders.lock(db, payment.order_id)
    account, order_item_id = _bought(db, payment)
    values = {
        "payment_id": payment.id,
        "order_item_id": order_item_id,
        "amount_cents": answer.amount_cents,
        "reason": "made_at_stripe",
        "idempotency_key": f"adopted-{answer.id}",
        "actor": audit.STRIPE,
        "provider_ref": answer.id,
    }
    if not insert_once(db, Refund, Refund.provider_ref, created_at=clock.now(), **values):
        return
    refund_id = db.execute(select(Refund.id).where(Refund.provider_ref == answer.id)).scalar_one()
    names = {"payment_id": payment.id, "refund_id": refund_id}
    if account != ledger.OWED:  # else it was owed already, for a payment that came late or twice
        ledger.book(db, f"refund:{refund_id}:owed", account, ledger.OWED, answer.amount_cents, payment.currency, **names)
    audit.record(db, audit.STRIPE, "refund_adopted", "refund", refund_id, cents=answer.amount_cents)
    record(db, refund_id, answer, audit.STRIPE)


def _bought(db: Session, payment: Payment) -> tuple[str, int | None]:
    """The account that this payment's money was booked to when it came, and the line that it bought if that was one only."""
    came = (LedgerEntry.payment_id == payment.id, LedgerEntry.debit_account == ledger.CLEARING)
    account = db.execute(select(LedgerEntry.credit_account).where(*came).order_by(LedgerEntry.id).limit(1)).scalar_one()
    items = db.execute(select(OrderItem.id).where(OrderItem.order_id == payment.order_id).limit(2)).scalars().all()
    return account, items[0] if account.startswith(ledger.revenue("")) and len(items) == 1 else None


@retried
def _refused(refund_id: int, error: str) -> None:
    """Stripe will not refund this: a person must look (already refunded elsewhere, disputed, too old)."""
    with transaction() as db:
        refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
        if refund.status is not RefundStatus.REQUESTED:
            return
        values = {"status": RefundStatus.FAILED, "last_error": error, "next_attempt_at": None}
        db.execute(update(Refund).where(Refund.id == refund_id).values(values))
        audit.record(db, audit.WORKER, "refund_failed", "refund", refund_id, cents=refund.amount_cents)
        cases.open_case(db, f"refund:{refund_id}", "refund_failed", payment_id=refund.payment_id, refund=refund_id)


@retried
def _note(refund_id: int, error: str) -> None:
    with transaction() as db:
        db.execute(update(Refund).where(Refund.id == refund_id).values(last_error=error))
