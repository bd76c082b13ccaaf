"""What a payment buys: its order, nothing because something is wrong, or its own way back; the books say which (promises 2, 3).

Events in every order, repeated and late, end in the same state (promise 6). Delayed methods are rehearsed although only cards
are asked for: a method that Stripe adds must not lose a place or a cent.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from app.extensions import db
from app.models import AuditEntry, Case, ClubSession, LedgerEntry, OutgoingEmail, Payment, Refund, Registration
from app.rules.statuses import PaymentState, SessionStatus
from app.services import checkout, ending, fulfilment, reconciling
from app.transaction import transaction
from tests.support.booking import balances, begin, event, mails, order_of, pay_late, payments_of, receive, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

PAID = ("paid", "registered", ["succeeded"])
CONFIRMED = {"stripe:clearing": 1200, "revenue:registration": -1200}


def expired(token: str, clock: FakeClock) -> None:
    clock.advance(minutes=36)
    ending.end_order(order_of(token).id)
    assert states(token) == ("expired", "expired", ["expired"])


def test_payment_makes_the_registration_the_books_the_mail_and_the_record_at_once(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session, places=2)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    registration, payment, order = the(Registration), the(Payment), order_of(token)
    assert states(token) == PAID and taken(club_session) == 2
    assert (registration.payment_status, registration.amount_paid_cents) == (PaymentState.PAID, 2400)
    assert (payment.captured_cents, payment.payment_intent_id) == (2400, stripe_simulator.control.payments()[0]["id"])
    assert payment.paid_at is not None and order.paid_at is not None
    assert balances() == {"stripe:clearing": 2400, "revenue:registration": -2400}
    entry = the(LedgerEntry)
    assert (entry.payment_id, entry.club_session_id, entry.currency) == (payment.id, club_session.id, "NZD")
    assert [(e.actor, e.action) for e in all_of(AuditEntry)][-3:] == [
        ("stripe", "payment_captured"), ("stripe", "registered"), ("stripe", "paid"),
    ]  # fmt: skip
    assert mails() == ["confirmation"] and the(OutgoingEmail).sent_at is None


def test_confirmation_carries_event_day_place_amount_reference_link_and_calendar(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(title="Kāpiti walk", location="Harbour Hall")
    token = begin(club_session, places=2, name="Ana Lee", email="ana@example.org")
    stripe_simulator.pay()
    assert work()["mails sent"] == 0, "never before the payment is known to have succeeded"
    stripe_simulator.deliver()
    work()
    mail = the(OutgoingEmail)
    assert mail.sent_at is not None and mail.to == "ana@example.org"
    for words in ("Ana Lee", "Kāpiti walk", "Harbour Hall", "10 March", "24.00", order_of(token).reference, f"/orders/{token}"):
        assert words in (mail.text_body or ""), words
    assert "text/calendar; method=PUBLISH" in [a["type"] for a in mail.attachments]
    assert token not in mail.attachments[0]["content"]


# --- Something is wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "problem"), [
    ({"amount_total": 1100}, "amount"),
    ({"amount_total": 1300}, "amount"),
    ({"amount_total": 1000, "total_details": {"amount_discount": 200}}, "discount"),
    ({"amount_total": 1100, "total_details": {"amount_discount": 200}}, "amount"),
    ({"amount_total": 1200, "amount_subtotal": 1400, "total_details": {"amount_discount": 200}}, "amount"),
    ({"currency": "usd"}, "currency"),
    ({"livemode": True}, "mode"),
    ({"amount_total": 0, "payment_status": "no_payment_required", "payment_intent": None}, "amount"),
])  # fmt: skip
def test_money_that_is_not_what_was_ordered_confirms_nothing_and_is_a_case(
    app: Flask, stripe_simulator: Any, change: dict[str, Any], problem: str
) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    for _ in range(2):
        receive(event("checkout.session.completed", {**stripe_simulator.checkout(), **change}))
    assert states(token)[:2] == ("pending", "held") and mails() == []
    case, cents = the(Case), change.get("amount_total", 1200)
    assert (case.kind, case.detail["problem"], case.order_id) == ("payment_mismatch", problem, order_of(token).id)
    assert balances() == ({"stripe:clearing": cents, "suspense": -cents} if cents else {})


def test_twin_without_the_comparison_the_wrong_amount_is_confirmed(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulfilment, "_mismatch", lambda *_: None)
    token = begin(make_club_session())
    stripe_simulator.pay()
    receive(event("checkout.session.completed", {**stripe_simulator.checkout(), "amount_total": 1}))
    assert states(token) == PAID


# --- Late --------------------------------------------------------------------------------------------------------------------


def test_late_payment_that_finds_its_place_free_is_registered(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    expired(token, clock)
    pay_late(stripe_simulator, token)
    assert states(token) == PAID and taken(club_session) == 1
    assert mails() == ["confirmation"] and balances() == CONFIRMED and count_of(Refund) == 0


def gone(club_session: ClubSession, how: str, clock: FakeClock) -> None:
    if how == "sold":
        begin(club_session)
    elif how == "cancelled":
        with transaction() as session:
            session.execute(update(ClubSession).values(status=SessionStatus.CANCELLED))
    elif how == "started":
        clock.set(club_session.starts_at)


@pytest.mark.parametrize("how", ["sold", "cancelled", "started"])
def test_late_payment_whose_place_has_gone_goes_back_in_full_with_an_apology(
    app: Flask, stripe_simulator: Any, clock: FakeClock, how: str
) -> None:
    club_session = make_club_session(capacity=1)
    token = begin(club_session)
    expired(token, clock)
    gone(club_session, how, clock)
    before = taken(club_session)
    pay_late(stripe_simulator, token)
    assert states(token) == ("expired", "expired", ["succeeded"]) and taken(club_session) == before
    refund = the(Refund)
    assert (refund.amount_cents, refund.reason, mails()) == (1200, "too_late", ["refunded_late"])
    assert balances() == {"stripe:clearing": 1200, "owed:refunds": -1200}
    work()
    assert the(Refund).status == "succeeded" and balances() == {}
    made = [(r["amount"], r["metadata"]) for r in stripe_simulator.control.refunds()]
    assert made == [(1200, {"refundId": refund.idempotency_key})]
    apology = the(OutgoingEmail, template="refunded_late")
    assert "We are sorry" in (apology.text_body or "") and "12.00" in (apology.text_body or "") and apology.sent_at is not None


def test_late_payment_of_somebody_who_booked_again_goes_back_and_the_new_booking_stays(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session = make_club_session()
    token = begin(club_session, email="ana@example.org")
    expired(token, clock)
    again = begin(club_session, email="ana@example.org")
    pay_late(stripe_simulator, token)
    assert states(token)[:2] == ("expired", "expired") and states(again)[:2] == ("pending", "held")
    assert the(Refund).amount_cents == 1200 and taken(club_session) == 1


def test_payment_of_an_order_that_was_given_up_goes_back(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    ending.give_up(token)
    pay_late(stripe_simulator, token)
    assert states(token) == ("cancelled", "cancelled", ["succeeded"]) and taken(club_session) == 0
    assert mails() == ["refunded_cancelled"] and the(Refund).amount_cents == 1200


def test_second_payment_of_one_order_goes_back_and_the_place_is_kept(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    checkout.pay(token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    pay_late(stripe_simulator, token)
    first, second = payments_of(token)
    assert states(token) == ("paid", "registered", ["succeeded", "succeeded"]) and taken(club_session) == 1
    refund = the(Refund)
    assert (refund.payment_id, refund.amount_cents, refund.reason) == (first.id, 1200, "paid_twice")
    assert mails() == ["confirmation", "refunded_double"]
    work()
    assert balances() == CONFIRMED and the(Registration).payment_status is PaymentState.PAID
    assert second.captured_cents == 1200


# --- Delayed methods, and every order of events ------------------------------------------------------------------------------


def choose_transfer(simulator: Any) -> str:
    """Pay by a delayed method, as if Stripe had offered one."""
    store, checkout_id = simulator.simulator.core.store, simulator.checkout()["id"]
    with store.changes():
        record = store.need("checkout.session", checkout_id)
        record.object["payment_method_types"] = ["card", "customer_balance"]
        store.save(record)
    simulator.control.pay_later(checkout_id)
    return str(checkout_id)


def test_delayed_payment_keeps_the_place_past_the_hold_and_does_not_hammer_stripe(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    choose_transfer(stripe_simulator)
    stripe_simulator.deliver()
    clock.advance(minutes=40)
    work()
    before = stripe_simulator.control.counts()["checkout.retrieve"]
    work()
    assert stripe_simulator.control.counts()["checkout.retrieve"] == before <= 2
    assert states(token) == ("pending", "held", ["processing"]) and taken(club_session) == 1 and mails() == []


@pytest.mark.parametrize("told", ["webhook", "worker"])
@pytest.mark.parametrize("success", [True, False])
def test_delayed_payment_ends_as_the_bank_decides(
    app: Flask, stripe_simulator: Any, clock: FakeClock, success: bool, told: str
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    made = choose_transfer(stripe_simulator)
    stripe_simulator.deliver()
    clock.advance(hours=30)
    if told == "worker":
        stripe_simulator.control.drop(None)
    stripe_simulator.control.settle(made, success)
    stripe_simulator.deliver()
    work()
    assert states(token) == (PAID if success else ("expired", "expired", ["failed"]))
    assert (taken(club_session), mails()) == ((1, ["confirmation"]) if success else (0, ["payment_failed"]))
    reconciling.reconcile()
    work()
    assert len(mails()) == 1, "the person is told once, whoever finds it again"


@pytest.mark.parametrize("success", [True, False])
def test_any_order_and_repetition_of_the_same_events_ends_in_the_same_state(
    app: Flask, stripe_simulator: Any, success: bool
) -> None:
    for order in permutations(range(3)):
        club_session = make_club_session()
        token = begin(club_session)
        opened = stripe_simulator.checkout()
        made = choose_transfer(stripe_simulator)
        waits = stripe_simulator.checkout()
        stripe_simulator.control.settle(made, success)
        after = stripe_simulator.checkout()
        kind = "checkout.session.async_payment_succeeded" if success else "checkout.session.async_payment_failed"
        events = [event("checkout.session.completed", waits), event(kind, after), event("payment_intent.created", opened)]
        for position in (*order, *order):
            receive(json.loads(json.dumps(events[position])))
        assert states(token) == (PAID if success else ("expired", "expired", ["failed"])), order
        assert taken(club_session) == (1 if success else 0)
    assert mails() == ["confirmation" if success else "payment_failed"] * 6


def test_word_of_an_expired_checkout_that_comes_after_the_payment_changes_nothing(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    before = stripe_simulator.checkout()
    stripe_simulator.pay()
    stripe_simulator.deliver()
    receive(event("checkout.session.expired", {**before, "status": "expired", "url": None}))
    receive(event("checkout.session.async_payment_failed", before))
    assert states(token) == PAID and mails() == ["confirmation"] and balances() == CONFIRMED


# --- The books ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", [
    "UPDATE ledger_entries SET amount_cents = 1", "UPDATE ledger_entries SET entry_key = 'x'", "DELETE FROM ledger_entries",
])  # fmt: skip
def test_the_database_itself_refuses_to_change_the_books(app: Flask, stripe_simulator: Any, statement: str) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    with pytest.raises(DBAPIError), transaction() as session:
        session.execute(text(statement))
    assert balances() == CONFIRMED
    with transaction() as session:  # the twin: a table without the triggers lets it happen
        session.execute(delete(OutgoingEmail))
    assert count_of(OutgoingEmail) == 0 and db.engine.name in ("sqlite", "postgresql")
