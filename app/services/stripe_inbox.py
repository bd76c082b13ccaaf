"""Receives Stripe's events: verified, written once by event id together with their effects, in one transaction (DESIGN §6
"Webhook").

Called by the webhook and, for what could not be processed at first, by the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from sqlalchemy import Integer, bindparam, case, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..integrations import gateway
from ..integrations.payments import Checkout, CheckoutStatus, Event
from ..models import Payment, Refund, StripeEvent
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import UNSETTLED
from ..transaction import retried, transaction
from . import adopted_refunds, attempts, audit, cases, disputes, due, fulfilment, refunds
from .writes import changed, insert_once

MAX_ATTEMPTS = 20
RETRY = timedelta(seconds=30)
"""What cannot be matched or processed rests so long after each try: ten minutes in all, then it is a case."""
HANDLED = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
"""What the webhook endpoint at Stripe should be subscribed to."""


_WAITING = (
    select(StripeEvent.payload, StripeEvent.created_at, StripeEvent.attempts)
    .where(StripeEvent.processed_at.is_(None), StripeEvent.attempts < MAX_ATTEMPTS)
    .order_by(StripeEvent.attempts, StripeEvent.created_at)
    .limit(bindparam("limit", type_=Integer))
)


class Received(StrEnum):
    PROCESSED = "processed"
    DUPLICATE = "duplicate"
    KEPT = "kept"


class Unmatched(Exception):
    """An event about something of ours that is not (yet) in our record: kept, tried again, then a case."""


def receive(body: bytes, signature: str | None) -> Received:
    """Take one delivery. Raises SignatureInvalid; any other exception means that nothing is written and Stripe must retry."""
    event = gateway().verify_event(body, signature)
    try:
        return _take(event)
    except Unmatched as error:
        return _keep(event, str(error))


@retried
def _take(event: Event, *, deliveries: int = 1) -> Received:
    """Inbox row and effects together: either both are there or neither."""
    now = clock.now()
    with transaction() as db:
        values = {"id": event.id, "type": event.type, "payload": dict(event.payload), "processed_at": now, "attempts": deliveries}
        if not insert_once(db, StripeEvent, StripeEvent.id, created_at=now, **values):
            waiting = (StripeEvent.id == event.id, StripeEvent.processed_at.is_(None))
            again = (
                update(StripeEvent).where(*waiting).values(processed_at=now, attempts=StripeEvent.attempts + 1, last_error=None)
            )
            if not changed(db, again):
                return Received.DUPLICATE
        _act(db, event)
    return Received.PROCESSED


def _act(db: Session, event: Event) -> None:
    """What each kind does; kinds not named here are recorded and do nothing."""
    if event.account is not None:
        _elsewhere(db, event)
        return
    match event.type:
        case (
            "checkout.session.completed"
            | "checkout.session.async_payment_succeeded"
            | "checkout.session.async_payment_failed"
            | "checkout.session.expired"
        ):
            _checkout(db, event)
        case "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated":
            _refund(db, event)
        case (
            "charge.dispute.created"
            | "charge.dispute.updated"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated"
            | "charge.dispute.closed"
        ):
            _dispute(db, event)


def _checkout(db: Session, event: Event) -> None:
    if event.checkout is None:
        raise Unmatched("a Checkout event without a readable Checkout")
    if not event.checkout.ours and not event.checkout.order_reference:
        return  # another app on the same account
    attempt = attempts.find(db, event.checkout)
    if attempt is None:
        if event.checkout.ours and event.checkout.status is CheckoutStatus.COMPLETE:
            raise Unmatched("names an order that is not in our record")
        return
    if event.type == "checkout.session.async_payment_failed":
        fulfilment.fail_delayed(db, attempt, audit.STRIPE)
    else:
        fulfilment.apply(db, attempt, event.checkout, audit.STRIPE)


def _elsewhere(db: Session, event: Event) -> None:
    """An event of another account than ours: whatever it says confirms nothing, and money for an order of ours is a case."""
    checkout = event.checkout
    if checkout is None or not (checkout.ours and checkout.paid):
        return
    attempt = attempts.find(db, checkout)
    cases.open_case(
        db, f"account:{checkout.id}", "payment_elsewhere", order_id=attempt.order.id if attempt is not None else None,
        account=event.account, checkout=checkout.id, payment_intent=checkout.payment_intent_id,
        reference=checkout.order_reference, cents=checkout.amount_total_cents, currency=checkout.currency,
    )  # fmt: skip


def _refund(db: Session, event: Event) -> None:
    if event.refund is None:
        raise Unmatched("a refund event without a readable refund")
    known = (Refund.provider_ref == event.refund.id) | (Refund.idempotency_key == (event.refund.refund_key or ""))
    refund_id = db.execute(select(Refund.id).where(known)).scalar_one_or_none()
    if refund_id is not None:
        refunds.record(db, refund_id, event.refund, audit.STRIPE)
        return
    payment = _payment_of(db, event.refund.payment_intent_id)
    if payment is not None:
        if not adopted_refunds.adopt_news(db, payment, event.refund):
            raise Unmatched("a refund of more than is left of its payment: this message or another is out of date")
    elif _not_yet_known(db, event):
        raise Unmatched("a refund of a payment that we have not heard of yet")


def _dispute(db: Session, event: Event) -> None:
    if event.dispute is None:
        raise Unmatched("a dispute event without a readable dispute")
    if _payment_of(db, event.dispute.payment_intent_id) is None and _not_yet_known(db, event):
        raise Unmatched("a dispute of a payment that we have not heard of yet")
    disputes.record(db, event.dispute, audit.STRIPE)


def _not_yet_known(db: Session, event: Event) -> bool:
    """Whether it may be about a payment of ours whose own event is still on its way (promise 6); else another app's."""
    happened = datetime.fromtimestamp(int(event.payload.get("created") or 0), UTC)
    may_be = (Payment.status.in_(UNSETTLED), Payment.created_at <= happened + timedelta(seconds=1))
    return db.execute(select(Payment.id).where(*may_be).limit(1)).first() is not None


def _payment_of(db: Session, payment_intent_id: str | None) -> Payment | None:
    if payment_intent_id is None:
        return None
    return db.execute(select(Payment).where(Payment.payment_intent_id == payment_intent_id)).scalar_one_or_none()


@retried
def _keep(event: Event, error: str) -> Received:
    """Keep what cannot be matched yet: it is not lost, the worker tries again, and in the end a person looks."""
    now = clock.now()
    with transaction() as db:
        values = {"id": event.id, "type": event.type, "payload": dict(event.payload), "attempts": 1, "last_error": error}
        if not insert_once(db, StripeEvent, StripeEvent.id, created_at=now, **values):
            waiting = (StripeEvent.id == event.id, StripeEvent.processed_at.is_(None))
            db.execute(update(StripeEvent).where(*waiting).values(attempts=StripeEvent.attempts + 1, last_error=error))
            row = db.execute(select(StripeEvent.attempts).where(StripeEvent.id == event.id)).scalar_one()
            if row >= MAX_ATTEMPTS and event.checkout is not None and event.checkout.paid:
                open_unknown(db, event.checkout)
            elif row >= MAX_ATTEMPTS and event.refund is None:  # a refund is another app's, or found by the nightly comparison
                cases.open_case(db, f"event:{event.id}", "event_unmatched", event=event.id, type=event.type)
    return Received.KEPT


def open_unknown(db: Session, checkout: Checkout) -> None:
    """Money of ours for an order that is not in our record (an older backup was restored): one case, whoever finds it."""
    cases.open_case(
        db, f"intent:{checkout.payment_intent_id or checkout.id}", "unknown_payment", checkout=checkout.id,
        reference=checkout.order_reference, cents=checkout.amount_total_cents, currency=checkout.currency,
        payment_intent=checkout.payment_intent_id,
    )  # fmt: skip


def take(event: Event) -> bool:
    """An event fetched from Stripe itself (a missed webhook); True when it was new here. It counts as no delivery."""
    try:
        return _take(event, deliveries=0) is Received.PROCESSED
    except Unmatched as error:
        return _keep(event, str(error)) is Received.KEPT


def retry_unprocessed(limit: int = 50) -> int:
    """Try kept events again, each in its turn; returns how many."""
    now = clock.now()
    waiting = due.rows(_WAITING, limit=limit)
    payloads = [row.payload for row in waiting if row.created_at + RETRY * row.attempts <= now]
    for payload in payloads:
        _try_again(payload)
    return len(payloads)


def _try_again(payload: Mapping[str, Any]) -> bool:
    """Process a kept event; True when that went well, else it stays with what went wrong."""
    event = gateway().read_event(payload)
    try:
        _take(event)
    except Unmatched as error:
        _keep(event, str(error))
    except Exception as error:
        current_app.logger.exception("event %s failed; it stays in the inbox", event.id)
        _keep(event, f"failed: {type(error).__name__}")
    else:
        return True
    return False


def retry(event_id: str, actor: str) -> bool:
    """Somebody has an event tried again now, and its patience begins anew; True when it is processed, by this or meanwhile.

    Raises InvalidInput when it is not known or was processed before: two clicks act once.
    """
    return _try_again(_begin_again(event_id, actor))


@retried
def _begin_again(event_id: str, actor: str) -> Mapping[str, Any]:
    with transaction() as db:
        waiting = (StripeEvent.id == event_id, StripeEvent.processed_at.is_(None))
        # Not zero: that means that no webhook brought it.
        again = update(StripeEvent).where(*waiting).values(attempts=case((StripeEvent.attempts > 0, 1), else_=0))
        payload = db.execute(again.returning(StripeEvent.payload)).scalar_one_or_none()
        if payload is None:
            raise InvalidInput(None, words("This message has been processed already."))
        audit.record(db, actor, "event_retried", "stripe_event", 0, event=event_id)
        return dict(payload)
