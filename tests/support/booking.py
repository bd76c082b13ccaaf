"""Takes bookings along the main road through the services, and says how things stand afterwards. Called by tests of services.

Everything here uses the real services, the real SDK and the simulator; each look at the database is a read of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock, jobs
from app.extensions import db
from app.models import ClubSession, LedgerEntry, Order, OutgoingEmail, Payment, Registration
from app.services import checkout, stripe_inbox
from app.services.registrations import Applicant

from .rows import all_of, the
from .settings import WEBHOOK_SECRET

_number = count(1)


def applicant(**changes: Any) -> Applicant:
    """Somebody who wants one place and saw NZ$12.00; a different person and form each time."""
    number = next(_number)
    values: dict[str, Any] = {
        "name": "Ana Lee",
        "email": f"ana{number}@example.org",
        "places": 1,
        "expected_price_cents": 1200,
        "attempt": f"attempt-{number}",
        **changes,
    }
    return Applicant(**values)


def begin(club_session: ClubSession, **changes: Any) -> str:
    """Register and leave for Stripe (or not, when it is free); the order's token."""
    return checkout.begin_registration(club_session.slug, applicant(**changes)).order_token


def order_of(token: str) -> Order:
    return the(Order, token=token)


def payments_of(token: str) -> list[Payment]:
    """The attempts to pay an order, oldest first."""
    return all_of(Payment, order_id=order_of(token).id)


def states(token: str) -> tuple[str, str, list[str]]:
    """How an order with one registration stands: order, registration, each attempt to pay."""
    order = order_of(token)
    return order.status.value, the(Registration, order_id=order.id).status.value, [p.status.value for p in payments_of(token)]


def pay_late(simulator: Any, token: str) -> None:
    """Have the first Checkout of an order, which Stripe has expired, be paid after all, and deliver the word of it."""
    checkout_id = payments_of(token)[0].checkout_id or ""
    store = simulator.simulator.core.store
    with store.changes():
        record = store.need("checkout.session", checkout_id)
        record.object["status"] = "open"
        store.save(record)
    simulator.pay(checkout_id)
    simulator.deliver()


def taken(club_session: ClubSession) -> int:
    """Places taken, as the counter has it."""
    return the(ClubSession, id=club_session.id).places_taken


def mails() -> list[str]:
    """The templates of every mail owed or sent, in order."""
    return [mail.template for mail in all_of(OutgoingEmail)]


def balances() -> dict[str, int]:
    """Each account of the books, debits minus credits; accounts at zero are left out."""
    sums: Counter[str] = Counter()
    with Session(db.engine) as session:
        for entry in session.scalars(select(LedgerEntry)):
            sums[entry.debit_account] += entry.amount_cents
            sums[entry.credit_account] -= entry.amount_cents
    return {account: cents for account, cents in sums.items() if cents}


def work() -> dict[str, int]:
    """What `flask worker --once` does."""
    return jobs.run_due()


def at_once(app: Flask, *calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together, each with its own database session; their results or exceptions."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(position: int, call: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait(10)
            try:
                results[position] = call()
            except Exception as error:
                results[position] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call did not end"
    return results


def do_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sleeps half a second and more between its retries; what it retries, and how often, stays as it is."""
    monkeypatch.setattr("stripe._http_client.HTTPClient._sleep_time_seconds", lambda *_: 0.0)


def signature(body: bytes, secret: str = WEBHOOK_SECRET, *, at: int | None = None, scheme: str = "v1") -> str:
    """A `Stripe-Signature` header written without the SDK: what Stripe's documentation says it is."""
    moment = int(clock.now().timestamp()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},{scheme}={digest}"


def event(kind: str, obj: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A snapshot event about ``obj`` as Stripe sends it."""
    made = {
        "id": f"evt_made{next(_number)}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(clock.now().timestamp()),
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        "data": {"object": obj},
    }
    return made | changes


def receive(made: dict[str, Any]) -> stripe_inbox.Received:
    """Hand one signed event to the inbox, as the webhook's view does."""
    body = json.dumps(made).encode()
    return stripe_inbox.receive(body, signature(body))
