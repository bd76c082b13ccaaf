"""Takes one defence of the app away for the length of a ``with``. Called by the twins, which show that this is noticed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import transaction as app_transaction
from app.integrations import gateway
from app.integrations.payments import Checkout, CheckoutStatus
from app.integrations.stripe_gateway import StripeGateway
from app.models import ClubSession, Payment, Refund
from app.rules import capacity
from app.rules.statuses import PaymentStatus, SessionStatus
from app.services import ending, fulfilment, ledger, letters, offers, outbox, places, refunds, registration_payment, waitlist
from app.services.attempts import Attempt
from app.services.writes import changed, insert_once
from tests.concurrency import guards


@contextmanager
def stored_key() -> Iterator[None]:
    """Each call to refund goes out under a key of its own."""
    create = StripeGateway.create_refund

    def with_new_key(self: StripeGateway, intent: str, cents: int, _key: str, metadata: Any) -> Any:
        return create(self, intent, cents, secrets.token_hex(16), metadata)

    with patch.object(StripeGateway, "create_refund", with_new_key):
        yield


@contextmanager
def expire_before_release() -> Iterator[None]:
    """A hold ends by our clock alone; Stripe is not told."""

    def do_not_ask(attempt: Any) -> Checkout:
        known = gateway().retrieve_checkout(attempt.checkout_id)
        return Checkout(**{**{name: getattr(known, name) for name in known.__slots__}, "status": CheckoutStatus.EXPIRED})

    with patch.object(ending, "_look", do_not_ask):
        yield


@contextmanager
def outbox_in_the_transaction() -> Iterator[None]:
    """Mails are owed after the commit, from memory."""
    owed: list[dict[str, Any]] = []
    owe, commit = outbox.owe, Session.commit

    def later(_db: Session, **mail: Any) -> None:
        owed.append(mail)

    def commit_then_owe(self: Session) -> None:
        try:
            commit(self)
        except BaseException:
            owed.clear()  # memory does not outlive its process
            raise
        if owed:
            for mail in [owed.pop() for _ in range(len(owed))]:
                owe(self, **mail)
            commit(self)

    with patch.object(letters.outbox, "owe", later), patch.object(Session, "commit", commit_then_owe):
        yield


@contextmanager
def waitlist_guard() -> Iterator[None]:
    """Whoever comes takes what is free, whoever waits: neither the rule nor the statement minds."""

    def take(db: Session, club_session_id: int, wanted: int, **_more: Any) -> bool:
        fits = (ClubSession.status == SessionStatus.PUBLISHED, ClubSession.places_taken + wanted <= ClubSession.capacity)
        statement = update(ClubSession).where(ClubSession.id == club_session_id, *fits)
        return changed(db, statement.values(places_taken=ClubSession.places_taken + wanted))

    free = property(lambda counters: max(0, counters.capacity - counters.places_taken))
    with patch.object(places, "take", take), patch.object(capacity.Counters, "places_left", free):
        yield


@contextmanager
def dealing_at_once() -> Iterator[None]:
    """A place that comes free is dealt by the worker's next scan only."""
    with patch.object(waitlist, "deal", lambda *_, **_freed: 0):
        yield


@contextmanager
def refund_claim() -> Iterator[None]:
    """A worker that sees a refund due sends it, without saying so first."""

    def look(refund_id: int) -> Any:
        with app_transaction.transaction() as db:
            refund = db.execute(select(Refund).where(Refund.id == refund_id)).scalar_one()
            intent = db.execute(select(Payment.payment_intent_id).where(Payment.id == refund.payment_id)).scalar_one()
            return intent, refund.amount_cents, refund.idempotency_key, refund.created_at

    with patch.object(refunds, "_claim", look):
        yield


def _under_another_key(db: Session, model: Any, key: Any, **values: Any) -> bool:
    return insert_once(db, model, key, **{**values, key.key: f"{values[key.key]}:{secrets.token_hex(4)}"})


@contextmanager
def ledger_key() -> Iterator[None]:
    """The same fact may be booked twice."""
    with patch.object(ledger, "insert_once", _under_another_key):
        yield


@contextmanager
def mail_key() -> Iterator[None]:
    """The same mail may be owed twice."""
    with patch.object(outbox, "insert_once", _under_another_key):
        yield


@contextmanager
def amount_check() -> Iterator[None]:
    """Money is money."""
    with patch.object(fulfilment, "_mismatch", lambda *_: None):
        yield


@contextmanager
def acting_once() -> Iterator[None]:
    """A payment that was acted on looks new to whoever hears of it again."""
    apply = fulfilment.apply

    def forgetful(db: Session, attempt: Attempt, *args: Any, **kwargs: Any) -> Any:
        db.execute(update(Payment).where(Payment.id == attempt.payment.id).values(status=PaymentStatus.OPEN))
        return apply(db, attempt, *args, **kwargs)

    with patch.object(fulfilment, "apply", forgetful):
        yield


@contextmanager
def session_ended_check() -> Iterator[None]:
    """A payment for a cancelled session confirms a place in it."""
    with patch.object(registration_payment, "locked_session_status", lambda *_, **_shared: SessionStatus.PUBLISHED):
        yield


@contextmanager
def offer_deadline() -> Iterator[None]:
    """An offer's time begins when it is made, whether or not its mail ever left."""
    with patch.object(offers, "_mail_is_on_its_way", lambda *_: False):
        yield


@contextmanager
def row_lock() -> Iterator[None]:
    """No SELECT … FOR UPDATE, and on SQLite no BEGIN IMMEDIATE, which is what locks there."""
    with guards.without_row_locks():
        yield


@contextmanager
def begin_immediate() -> Iterator[None]:
    """SQLite takes the write lock at the first write only, and nobody tries again."""
    with guards.deferred_begin(), patch.object(app_transaction, "TRIES", 1):
        yield
