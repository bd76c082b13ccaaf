"""Who takes two rows takes them in one order: the club session before its registrations, so that nobody waits in a circle."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.extensions import db as flask_db
from app.models import ClubSession, Refund, Registration
from app.rules.refusals import InvalidInput
from app.rules.statuses import ItemKind
from app.services import baskets, bookings, cancelling, checkout, health_check, resale, staff_actions
from app.services.items import Buyer, Wanted
from app.transaction import transaction
from tests.support.booking import begin, order_of, states, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.queries import recorded
from tests.support.rows import all_of, the
from tests.support.shop import make_file

pytestmark = pytest.mark.databases("postgresql")


def test_paying_locks_order_then_session_then_registration(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    with recorded(flask_db.engine) as seen:
        stripe_simulator.deliver()
    locked = [statement.split("FROM ")[1].split()[0] for statement in seen if "FOR UPDATE" in statement]
    assert states(token)[:2] == ("paid", "registered") and locked[:3] == ["orders", "club_sessions", "registrations"]


def test_paying_locks_order_then_session_then_product_then_purchase(app: Flask, stripe_simulator: Any) -> None:
    token, lines = None, (Wanted(ItemKind.PRODUCT, make_file()), Wanted(ItemKind.REGISTRATION, make_club_session().slug))
    for wanted in lines:
        token = baskets.add(token, wanted, Buyer())
    checkout.begin_basket(token or "", Buyer("Ana", "ana@example.org"), 2400, "form-of-ana")
    stripe_simulator.pay()
    with recorded(flask_db.engine) as seen:
        stripe_simulator.deliver()
    locked = [statement.split("FROM ")[1].split()[0] for statement in seen if "FOR UPDATE" in statement]
    assert [table for table in dict.fromkeys(locked) if table != "vouchers"] == [
        "orders", "club_sessions", "registrations", "products", "product_purchases",
    ]  # fmt: skip


def test_payment_that_waits_for_the_session_holds_no_registration_somebody_deals_to(app: Flask, stripe_simulator: Any) -> None:
    """Whoever deals places holds the session and then moves registrations: the payer must not sit on one of these."""
    token = begin(make_club_session())
    registration = the(Registration, order_id=order_of(token).id)
    stripe_simulator.pay()
    payer = threading.Thread(target=stripe_simulator.deliver)
    with transaction() as db:
        db.execute(select(ClubSession.id).where(ClubSession.id == registration.club_session_id).with_for_update())
        payer.start()
        wait_until_somebody_waits()
        db.execute(select(Registration.id).where(Registration.id == registration.id).with_for_update(nowait=True))
    payer.join(30)
    assert states(token)[:2] == ("paid", "registered")


def wait_until_somebody_waits() -> None:
    """Until the database itself says that a transaction waits for another's lock."""
    deadline = time.monotonic() + 20
    with flask_db.engine.connect() as connection:
        while time.monotonic() < deadline:
            waiting = text("SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database OR database IS NULL"
                           " WHERE NOT granted AND datname = current_database()")  # fmt: skip
            if connection.execute(waiting).scalar_one():
                return
            connection.rollback()
    raise AssertionError("nobody waits")


def test_circle_between_a_replacement_who_pays_and_a_refund_by_staff_is_cut_and_both_are_done(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one place that locks an order after the session: whose place was taken is known only then. PostgreSQL ends one of the
    two that wait for each other, and that use case begins again.
    """
    session = make_club_session(capacity=1)
    leaver = begin(session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(days=6, hours=1)
    cancelling.cancel_order(leaver, when_replaced=True)
    begin(session)
    stripe_simulator.pay()
    payer_has_the_session, staff_have_the_order = threading.Event(), threading.Event()
    pay_back, lock_orders = resale._pay_back, bookings.lock_orders
    tries: list[str] = []

    def paying_back(*args: Any) -> None:
        tries.append("payer")
        payer_has_the_session.set()
        assert staff_have_the_order.wait(20)
        pay_back(*args)

    def locking(db: Any, registration_id: int) -> Any:
        order = lock_orders(db, registration_id)
        if threading.current_thread() is staff:
            tries.append("staff")
            staff_have_the_order.set()
        return order

    def refund() -> None:
        with app.app_context():
            assert payer_has_the_session.wait(20)
            token = the(Registration, order_id=order_of(leaver).id).token
            with suppress(InvalidInput):  # begun again after the payer, they are told that nothing is left
                staff_actions.refund(token, 500, "Asked", "user:1", once="r" * 20)

    monkeypatch.setattr(resale, "_pay_back", paying_back)
    monkeypatch.setattr(bookings, "lock_orders", locking)
    staff = threading.Thread(target=refund)
    staff.start()
    stripe_simulator.deliver()
    staff.join(30)
    assert not staff.is_alive() and len(tries) == 3, "one of them began again"
    assert sum(refund.amount_cents for refund in all_of(Refund)) == 1200, "all that was paid, and no cent more"
    assert the(Registration, order_id=order_of(leaver).id).replacement_wanted_at is None
    work()
    assert health_check.findings() == []
