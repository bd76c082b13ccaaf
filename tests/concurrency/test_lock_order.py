"""Who takes two rows takes them in one order: the club session before its registrations, so that nobody waits in a circle."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db as flask_db
from app.models import ClubSession, Refund, Registration
from app.rules.refusals import InvalidInput
from app.rules.statuses import ItemKind
from app.services import (
    baskets,
    bookings,
    cancelling,
    checkout,
    health_check,
    registration_payment,
    resale,
    staff_actions,
    winding_up,
)
from app.services.items import Buyer, Wanted
from app.transaction import transaction
from tests.concurrency.racing import Meeting, race, values, wait_until_somebody_waits
from tests.support.booking import begin, mails, order_of, states, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.queries import recorded
from tests.support.rows import all_of, the
from tests.support.shop import make_file

pytestmark = pytest.mark.databases("postgresql")
LOCKS = re.compile(r"FOR (?P<mode>(?:NO KEY )?UPDATE|SHARE)(?: OF (?P<of>.*))?\s*$")


def taken_in_turn(seen: list[str]) -> list[str]:
    """The tables whose rows were locked, and how: by asking for it, or by changing them."""
    taken = []
    for statement in seen:
        if lock := LOCKS.search(statement):
            tables = (lock["of"] or statement.split("FROM ")[1].split()[0]).split(", ")
            taken += [f"{table} for {lock['mode'].lower()}" for table in tables]
        elif statement.startswith("UPDATE"):
            taken.append(statement.split()[1])
    return taken


def test_paying_locks_order_then_session_then_registration(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    with recorded(flask_db.engine) as seen:
        stripe_simulator.deliver()
    assert states(token)[:2] == ("paid", "registered") and taken_in_turn(seen) == [
        "orders for update", "payments for update", "payments", "club_sessions for share", "registrations", "orders",
    ]  # fmt: skip


def test_paying_locks_order_then_session_then_product_then_purchase(app: Flask, stripe_simulator: Any) -> None:
    token, lines = None, (Wanted(ItemKind.PRODUCT, make_file()), Wanted(ItemKind.REGISTRATION, make_club_session().slug))
    for wanted in lines:
        token = baskets.add(token, wanted, Buyer())
    checkout.begin_basket(token or "", Buyer("Ana", "ana@example.org"), 2400, "form-of-ana")
    stripe_simulator.pay()
    with recorded(flask_db.engine) as seen:
        stripe_simulator.deliver()
    tables = dict.fromkeys(taken.split()[0] for taken in taken_in_turn(seen))
    assert [table for table in tables if table not in ("vouchers", "payments")] == [
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


def test_those_who_pay_for_one_session_do_not_wait_for_each_other(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    registration = the(Registration, order_id=order_of(token).id)
    stripe_simulator.pay()
    payer = threading.Thread(target=stripe_simulator.deliver)
    with transaction() as db:
        mine = select(ClubSession.id).where(ClubSession.id == registration.club_session_id)
        db.execute(mine.with_for_update(read=True))
        payer.start()
        payer.join(30)
        assert not payer.is_alive(), "somebody else who pays at this moment holds up nobody"
    assert states(token)[:2] == ("paid", "registered")


def test_session_cannot_be_cancelled_between_the_look_and_the_payment(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payer has seen it published and locked it against change: the cancellation comes after, and finds a paid booking."""
    session = make_club_session()
    token = begin(session)
    stripe_simulator.pay()
    become = registration_payment._become
    cancelling_it = threading.Thread(target=cancel, args=(app, session.slug))

    def slowly(*args: Any) -> bool:
        cancelling_it.start()
        wait_until_somebody_waits()
        return become(*args)

    monkeypatch.setattr(registration_payment, "_become", slowly)
    stripe_simulator.deliver()
    cancelling_it.join(30)
    assert states(token)[:2] == ("paid", "registered") and the(ClubSession, id=session.id).status == "cancelled"
    work()
    stripe_simulator.deliver()
    assert states(token)[:2] == ("cancelled", "cancelled") and the(Refund).amount_cents == 1200
    assert mails() == ["confirmation", "session_cancelled"] and health_check.findings() == []


def cancel(app: Flask, slug: str) -> None:
    with app.app_context():
        winding_up.cancel_session(slug, "user:1", "Rain")


def test_two_who_pay_at_once_where_somebody_waits_to_be_replaced_pay_them_back_once(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the second of them fills the last place. Neither locks the other out: the second waits for the wish, then counts."""
    session = make_club_session(capacity=2)
    leaver = begin(session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(days=6, hours=1)
    cancelling.cancel_order(leaver, when_replaced=True)
    tokens = []
    for _ in range(2):
        tokens.append(begin(session))
        stripe_simulator.pay()
    both, settle = Meeting(2), resale.settle

    def settling(*args: Any) -> int:
        both.wait()  # both are registered by now, and neither has committed
        return settle(*args)

    monkeypatch.setattr(resale, "settle", settling)
    values(race(app, [stripe_simulator.control.deliver_due] * 2))
    assert [states(token)[:2] for token in tokens] == [("paid", "registered")] * 2
    assert the(Refund).amount_cents == 1200 and the(Registration, order_id=order_of(leaver).id).replacement_wanted_at is None
    work()
    assert health_check.findings() == []


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
