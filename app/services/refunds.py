"""Money going back: a row with its key first, then Stripe, then the result (promise 4). Called by fulfilment, staff and the
worker.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Integer, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from .. import clock, jobs
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import GatewayError, GatewayRefused, ProviderRefund
from ..models import REFUND_UNSETTLED, Payment, Refund
from ..rules.refunds import next_look_at, refundable_cents
from ..rules.statuses import REFUND_MOVES, RefundStatus, sources
from ..transaction import end_read, retried, transaction
from . import audit, cases, due, ledger, refund_marks
from .writes import changed

STRIPE = "stripe"
RETRY = timedelta(minutes=1)
MANY = 30
"""After so many tries, half an hour of them, a person should know; the trying goes on."""
KEYS_LIVE = timedelta(hours=23)
"""Stripe forgets idempotency keys after a day: an older intent is looked up before it is repeated."""
AT_STRIPE = (Refund.provider_ref.is_not(None), Refund.status.in_([RefundStatus.PENDING, RefundStatus.SUCCEEDED]))
"""SQL: it has gone out there, and has not come back as far as we know."""
_TO_SEND = (
    select(Refund.id)
    .where(REFUND_UNSETTLED, Refund.status == RefundStatus.REQUESTED)
    .where(Refund.next_attempt_at.is_not(None), Refund.next_attempt_at <= bindparam("now"))
    .order_by(Refund.next_attempt_at)
    .limit(bindparam("limit", type_=Integer))
)
_TO_LOOK_UP = (
    select(Refund.id)
    .where(REFUND_UNSETTLED, Refund.status == RefundStatus.PENDING, Refund.provider_ref.is_not(None))
    .where(or_(Refund.next_attempt_at.is_(None), Refund.next_attempt_at <= bindparam("now")))
    .order_by(Refund.id)
    .limit(bindparam("limit", type_=Integer))
)
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
    due = None if by_hand else clock.now()
    refund_id = _intent(db, payment_id, cents, reason, actor, order_item_id, due)
    if by_hand:  # money that was not taken through Stripe cannot go back through it: a person pays it out
        names = {"order_id": payment.order_id, "payment_id": payment_id}
        cases.open_case(db, f"refund:{refund_id}", "refund_by_hand", **names, refund=refund_id, cents=cents)
    else:
        jobs.enqueue(db, "send_refund", str(refund_id))
    return refund_id


def _intent(
    db: Session, payment_id: int, cents: int, reason: str, actor: str, order_item_id: int | None, due: datetime | None
) -> int:
    values = {
        "payment_id": payment_id,
        "order_item_id": order_item_id,
        "amount_cents": cents,
        "reason": reason,
        "idempotency_key": f"refund-{secrets.token_hex(16)}",
        "actor": actor,
        "next_attempt_at": due,
    }
    refund_id = int(db.execute(insert(Refund).values(values).returning(Refund.id)).scalar_one())
    audit.record(db, actor, "refund_requested", "refund", refund_id, cents=cents, reason=reason)
    return refund_id


def pay_by_hand_instead(db: Session, failed: Refund, cents: int, means: str, actor: str) -> None:
    """What Stripe could not send back a person has paid from the bank or in cash. It is owed in the books already."""
    refund_id = _intent(db, failed.payment_id, cents, failed.reason, actor, failed.order_item_id, None)
    record_by_hand(db, refund_id, actor, means)


def record_by_hand(db: Session, refund_id: int, actor: str, means: str | None = None) -> None:
    """A person has paid it out by ``means`` (cash, bank; None: as it came in): it is done, and leaves the books there."""
    refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
    requested = (Refund.id == refund_id, Refund.status == RefundStatus.REQUESTED)
    if not changed(db, update(Refund).where(*requested).values(status=RefundStatus.SUCCEEDED)):
        return
    paid = db.execute(select(Payment.currency, Payment.provider).where(Payment.id == refund.payment_id)).one()
    names = {"payment_id": refund.payment_id, "refund_id": refund.id}
    kept_at = ledger.HELD_AT[means or paid.provider]
    ledger.book(db, f"refund:{refund.id}:sent", ledger.OWED, kept_at, refund.amount_cents, paid.currency, **names)
    refund_marks.mark(db, refund, actor)
    detail = {"cents": refund.amount_cents, "means": means or paid.provider}
    audit.record(db, actor, "refund_paid_by_hand", "refund", refund_id, **detail)


def left_to_refund(db: Session, payment: Payment) -> int:
    """What a bank has not claimed back, minus every refund that has not failed, in minor units."""
    promised = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.payment_id == payment.id, Refund.status != RefundStatus.FAILED
    )
    return refundable_cents(payment.here_cents, db.execute(promised).scalar_one())


def send_due_refunds(limit: int = 50) -> int:
    """Send what is due, one at a time; returns how many were tried. A failing one waits and does not stop the rest."""
    ids = due.found(_TO_SEND, now=clock.now(), limit=limit)
    for refund_id in ids:
        try:
            send_refund(refund_id)
        except Exception:
            current_app.logger.exception("refund %s failed; it rests until its lease is over", refund_id)
    return len(ids)


def look_up_pending(limit: int = 50) -> int:
    """Ask Stripe about refunds that a bank still sits on: no webhook need come. Returns how many were asked about."""
    return sum(look_up(refund_id) for refund_id in due.found(_TO_LOOK_UP, now=clock.now(), limit=limit))


def look_up(refund_id: int) -> bool:
    """Ask Stripe how one pending refund stands, and record it. False when it is not due, or another worker asks."""
    provider_ref = _claim_look(refund_id)
    if provider_ref is None:
        return False
    _ask_and_record(refund_id, provider_ref)
    return True


def _ask_and_record(refund_id: int, provider_ref: str) -> None:
    try:
        answer = gateway().retrieve_refund(provider_ref)
    except GatewayError as error:
        current_app.logger.warning("refund %s not looked up: %s", refund_id, error)
    else:
        _record(refund_id, answer)


@retried
def _claim_look(refund_id: int) -> str | None:
    """Set the time of the next look before this one, so that a crash only delays; Stripe's id, or None: nothing to do."""
    now = clock.now()
    due = or_(Refund.next_attempt_at.is_(None), Refund.next_attempt_at <= now)
    with transaction() as db:
        where = (Refund.id == refund_id, Refund.status == RefundStatus.PENDING, due)
        row = db.execute(select(Refund.provider_ref, Refund.created_at).where(*where).with_for_update()).first()
        if row is None:
            return None
        db.execute(update(Refund).where(Refund.id == refund_id).values(next_attempt_at=next_look_at(row.created_at, now)))
        return str(row.provider_ref)


@retried
def _record(refund_id: int, answer: ProviderRefund) -> None:
    with transaction() as db:
        record(db, refund_id, answer, audit.WORKER)


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
        _record(refund_id, answer)
        for other, provider_ref in _doubtful_beside(refund_id):
            _ask_and_record(other, provider_ref)


def _doubtful_beside(refund_id: int) -> list[tuple[int, str]]:
    """The other refunds of its payment, with Stripe's ids, when by what we know more has gone back than came. Stripe never lets
    it: one of them has come back from the bank since, and the word of it is late or lost.
    """
    mine = aliased(Refund)
    payment = select(mine.payment_id).where(mine.id == refund_id).scalar_subquery()
    refund = (Refund.id, Refund.provider_ref, Refund.amount_cents, Payment.captured_cents)
    found = select(*refund).join(Payment, Payment.id == Refund.payment_id).where(Payment.id == payment, *AT_STRIPE)
    rows = flask_db.session.execute(found).all()
    end_read()
    too_much = sum(row.amount_cents for row in rows) > max((row.captured_cents for row in rows), default=0)
    return [(row.id, str(row.provider_ref)) for row in rows if row.id != refund_id] if too_much else []


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
    status, now = STATUSES.get(answer.status, RefundStatus.PENDING), clock.now()
    refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
    if refund.status is status or status not in REFUND_MOVES[refund.status]:
        return
    db.execute(
        update(Refund)
        .where(Refund.id == refund_id, Refund.status.in_(sources(REFUND_MOVES, status)))
        .values(
            status=status,
            provider_ref=answer.id,
            next_attempt_at=next_look_at(refund.created_at, now) if status is RefundStatus.PENDING else None,
            last_error=answer.failure_reason,
        )
    )
    cases.close_by_key(db, f"refund:{refund_id}:stuck", "answered")
    audit.record(db, actor, f"refund_{status}", "refund", refund_id, cents=refund.amount_cents)
    names = {"payment_id": refund.payment_id, "refund_id": refund.id}
    currency = db.execute(select(Payment.currency).where(Payment.id == refund.payment_id)).scalar_one()
    ledger.book(db, f"refund:{refund.id}:sent", ledger.OWED, ledger.CLEARING, refund.amount_cents, currency, **names)
    refund_marks.mark(db, refund, actor)
    if status is RefundStatus.FAILED:
        ledger.book(db, f"refund:{refund.id}:failed", ledger.CLEARING, ledger.OWED, refund.amount_cents, currency, **names)
        cases.open_case(db, f"refund:{refund.id}", "refund_failed", payment_id=refund.payment_id, refund=refund.id)


@retried
def _refused(refund_id: int, error: str) -> None:
    """Stripe will not refund this: a person must look (already refunded elsewhere, disputed, too old). Until then what it was
    for is had again, as after any refund that fails.
    """
    with transaction() as db:
        refund = db.execute(select(Refund).where(Refund.id == refund_id).with_for_update()).scalar_one()
        if refund.status is not RefundStatus.REQUESTED:
            return
        values = {"status": RefundStatus.FAILED, "last_error": error, "next_attempt_at": None}
        db.execute(update(Refund).where(Refund.id == refund_id).values(values))
        audit.record(db, audit.WORKER, "refund_failed", "refund", refund_id, cents=refund.amount_cents)
        db.refresh(refund)
        refund_marks.mark(db, refund, audit.WORKER)
        cases.open_case(db, f"refund:{refund_id}", "refund_failed", payment_id=refund.payment_id, refund=refund_id)


@retried
def _note(refund_id: int, error: str) -> None:
    with transaction() as db:
        db.execute(update(Refund).where(Refund.id == refund_id).values(last_error=error))
