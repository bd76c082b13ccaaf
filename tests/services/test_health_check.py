"""`flask doctor` and /readyz: quiet while all is well, and one sentence that names each thing that is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import create_app
from app.extensions import db
from app.models import ClubSession, Order, OutgoingEmail, Payment
from app.queries import due_work
from app.services import cancelling, health_check, holds, ledger, offers, stripe_inbox
from app.transaction import transaction
from tests.support.booking import begin, do_not_pause, event, order_of, payments_of, receive, work
from tests.support.clock import FakeClock
from tests.support.database import dispose
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import the
from tests.support.settings import safe_settings


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


@pytest.fixture
def paid(app: Flask, stripe_simulator: Any) -> str:
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    return token


def findings() -> list[str]:
    """What doctor would find, read afresh as a command would."""
    db.session.remove()
    return health_check.findings()


def ages(now: datetime) -> dict[str, int]:
    db.session.remove()
    return due_work.ages(now)


def write(*statements: Any) -> None:
    with transaction() as session:
        for statement in statements:
            session.execute(statement)


def test_all_is_well_with_one_of_everything(app: Flask, stripe_simulator: Any, paid: str, clock: FakeClock) -> None:
    begin(make_club_session(capacity=1, waitlist_capacity=2))
    begin(make_free_club_session(), expected_price_cents=0)
    cancelling.cancel_order(paid)
    work()
    clock.advance(minutes=31)
    work()
    assert findings() == [] and health_check.silent_webhooks() == []


def test_counter_that_drifted_is_named_with_both_numbers(app: Flask) -> None:
    club_session = make_free_club_session()
    begin(club_session, expected_price_cents=0)
    # As if somebody had mended the rows by hand.
    write(sa.update(ClubSession).values({"places_taken": 3, "waitlist_taken": 1}))
    assert findings() == [f"{club_session.slug}: counted 3 places and 1 waiting, its registrations add up to 1 and 0."]


def test_capture_that_is_not_in_the_books_is_found(app: Flask, stripe_simulator: Any, paid: str) -> None:
    write(sa.update(Payment).values(captured_cents=1300))
    assert findings() == ["Ledger: 1 payments are not in the books as they were captured."]


def test_refund_that_is_not_in_the_books_is_found(
    app: Flask, stripe_simulator: Any, paid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelling.cancel_order(paid)
    book = ledger.book

    def forgetful(db: Any, key: str, *args: Any, **kwargs: Any) -> None:
        if not key.endswith(":sent"):
            book(db, key, *args, **kwargs)

    monkeypatch.setattr(ledger, "book", forgetful)
    work()
    assert findings() == [
        "Ledger: 1 refunds are not in the books as they were sent.",
        "Ledger: what is owed back of 1 payments is not what is left to send.",
    ]


@pytest.mark.databases("sqlite")
def test_database_that_was_never_migrated_is_named_with_the_command(new_database: Any) -> None:
    app = create_app(safe_settings(new_database(migrated=False)))
    with app.app_context():
        [finding] = findings()
        assert "at revision none" in finding and "flask --app wsgi db upgrade" in finding
        assert health_check.silent_webhooks() == [] and health_check.last_webhook() == "No webhook has come from Stripe yet."
        dispose()


@pytest.mark.databases("sqlite")
def test_database_that_does_not_answer_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(db.engine, "connect", gone)
    assert findings() == ["DATABASE_URL: the database does not answer (OperationalError)."]


@pytest.mark.databases("sqlite")
def test_late_work_is_named_by_kind_and_age(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session())
    clock.advance(minutes=60)
    said = "\n".join(findings())
    assert "the oldest holds have been due for 30 minutes" in said and "the oldest payments have been due for 59 minutes" in said
    work()
    assert findings() == []


@pytest.mark.databases("sqlite")
def test_stripe_away_and_a_bank_that_takes_days_are_not_late_work(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    begin(make_club_session())
    stripe_simulator.control.fail("*", "500", times=10_000)
    for _ in range(3):
        clock.advance(minutes=20)
        work()
    assert findings() == [], "we asked, and ask again: the worker is not to blame"


@pytest.mark.databases("sqlite")
def test_mail_given_up_is_named(app: Flask, clock: FakeClock) -> None:
    begin(make_free_club_session(), expected_price_cents=0)
    write(sa.update(OutgoingEmail).values(failed_at=clock.now))
    assert findings() == ["1 e-mails could not be delivered: see the outbox in the admin."]


@pytest.mark.databases("sqlite")
def test_silent_webhook_is_named_and_the_last_one_told(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    assert health_check.last_webhook() == "No webhook has come from Stripe yet."
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert health_check.last_webhook() == "The last webhook came at 2026-03-02 21:00 UTC."
    assert health_check.silent_webhooks() == []
    stripe_simulator.control.drop(count=None)
    clock.advance(hours=5)
    begin(make_club_session())
    stripe_simulator.pay()
    clock.advance(minutes=1)
    work()
    [finding] = health_check.silent_webhooks()
    assert "STRIPE_WEBHOOK_SECRET" in finding and "2026-03-03 02:01" in finding


@pytest.mark.databases("sqlite")
def test_unmatched_event_stops_being_due_when_it_has_become_a_case(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    lost = {"id": "cs_test_lost", "client_reference_id": "ZZZZZZ", "metadata": {"orderId": "ZZZZZZ"}}
    receive(event("checkout.session.completed", stripe_simulator.checkout() | lost))
    assert ages(clock.now)["events"] == 0
    clock.advance(minutes=11)
    assert ages(clock.now)["events"] == 660
    work()
    assert ages(clock.now)["events"] == 0 and due_work.EVENT_TRIES == stripe_inbox.MAX_ATTEMPTS
    clock.advance(days=1)
    work()
    assert findings() == []


# --- one poison row ----------------------------------------------------------------------------------------------------------


def broken(*_: object, **__: object) -> None:
    raise ValueError("a bug")


@pytest.mark.databases("sqlite")
def test_poison_hold_is_not_tried_again_and_again_in_one_go(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, other = begin(make_club_session()), begin(make_club_session())
    bad, end, tries = order_of(poison).id, holds.ending.end_order, []

    def end_or_raise(order_id: int) -> None:
        tries.append(order_id)
        if order_id == bad:
            raise ValueError("a bug")
        end(order_id)

    clock.advance(minutes=31)
    monkeypatch.setattr(holds.ending, "end_order", end_or_raise)
    monkeypatch.setattr(holds.ending, "settle_payment", broken)
    work()
    assert the(Order, token=other).status == "expired" and tries.count(bad) <= 3


@pytest.mark.databases("sqlite")
def test_poison_offer_does_not_keep_the_others_from_ending(
    app: Flask, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        club_session = make_free_club_session(capacity=1, waitlist_capacity=2)
        first = begin(club_session, expected_price_cents=0)
        begin(club_session, expected_price_cents=0, accept_waitlist=True)
        cancelling.cancel_order(first)
    work()
    clock.advance(hours=40)
    expire, seen = offers._expire, []

    def expire_or_raise(registration_id: int) -> bool:
        seen.append(registration_id)
        if len(seen) == 1:
            raise ValueError("a bug")
        return expire(registration_id)

    monkeypatch.setattr(offers, "_expire", expire_or_raise)
    assert offers.expire_due_offers() == 1


@pytest.mark.databases("sqlite")
def test_event_that_fails_counts_its_tries(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    made = event("checkout.session.completed", stripe_simulator.checkout())
    with monkeypatch.context() as unknown:
        unknown.setattr(stripe_inbox.attempts, "find", lambda *_: None)
        receive(made)
    with monkeypatch.context() as poison:
        poison.setattr(stripe_inbox.attempts, "find", broken)
        clock.advance(seconds=31)
        assert stripe_inbox.retry_unprocessed() == 1
        assert stripe_inbox.retry_unprocessed() == 0, "it rests first"
    clock.advance(minutes=2)
    work()
    assert order_of(token).status == "paid" and [p.status.value for p in payments_of(token)] == ["succeeded"]
