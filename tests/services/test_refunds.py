"""Money going back (promise 4): one intent makes at most one refund at Stripe, never more than was captured, whatever crashes."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.integrations import gateway
from app.models import AuditEntry, Case, LedgerEntry, Order, Payment, Refund, Registration, StripeEvent
from app.rules.statuses import PaymentState, RefundStatus
from app.services import cancelling, ending, health_check, orders, refunds
from app.transaction import transaction
from tests.support.booking import at_once, balances, begin, do_not_pause, event, mails, pay_late, payments_of, receive, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

CONFIRMED = {"stripe:clearing": 1200, "revenue:registration": -1200}
OWED = {"stripe:clearing": 1200, "owed:refunds": -1200}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


@pytest.fixture
def paid(app: Flask, stripe_simulator: Any) -> str:
    """The token of a paid and confirmed order of NZ$12.00."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert balances() == CONFIRMED
    return token


def creations(simulator: Any) -> list[dict[str, Any]]:
    return [call for call in simulator.control.calls() if call["operation"] == "refund.create"]


def truth(simulator: Any) -> tuple[str, int, int]:
    """The refund's state here, how many refunds Stripe made, and what it gave back."""
    made = simulator.control.refunds()
    return the(Refund).status.value, len(made), simulator.control.payments()[0]["amount_refunded"]


def payment_status() -> PaymentState:
    return the(Registration).payment_status


def test_intent_is_committed_before_stripe_is_called_and_the_answer_after(
    app: Flask, paid: str, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cancelling.cancel_order(paid) == 1200
    refund = the(Refund)
    assert (refund.status, refund.amount_cents, refund.actor, creations(stripe_simulator)) == ("requested", 1200, "guest", [])
    assert balances() == OWED and payment_status() is PaymentState.PAID
    work()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200)
    assert the(Refund).provider_ref == stripe_simulator.control.refunds()[0]["id"]
    assert creations(stripe_simulator)[0]["idempotency_key"] == refund.idempotency_key
    assert balances() == {} and payment_status() is PaymentState.REFUNDED
    stripe_simulator.deliver()
    work()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200) and balances() == {} and health_check.findings() == []


@pytest.mark.parametrize("told", ["webhook", "nobody yet"])
def test_refund_that_waits_at_stripe_is_under_way_and_then_done(app: Flask, paid: str, stripe_simulator: Any, told: str) -> None:
    stripe_simulator.control.refunds_stay_pending()
    cancelling.cancel_order(paid)
    work()
    assert truth(stripe_simulator)[0] == "pending" and balances() == {} and payment_status() is PaymentState.REFUNDED
    if told == "webhook":
        stripe_simulator.control.settle_refund(stripe_simulator.control.refunds()[0]["id"])
        stripe_simulator.deliver()
        assert truth(stripe_simulator) == ("succeeded", 1, 1200)


@pytest.mark.parametrize("pending_first", [True, False])
def test_refund_that_fails_later_is_owed_again_and_on_the_staffs_desk(
    app: Flask, paid: str, stripe_simulator: Any, pending_first: bool
) -> None:
    stripe_simulator.control.refunds_stay_pending(pending_first)
    cancelling.cancel_order(paid)
    work()
    stripe_simulator.deliver()
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    for _ in range(2):
        stripe_simulator.deliver()
    assert the(Refund).status is RefundStatus.FAILED and the(Refund).last_error == "expired_or_canceled_card"
    assert the(Case, kind="refund_failed").detail["refund"] == the(Refund).id
    assert balances() == OWED and payment_status() is PaymentState.PAID


def test_words_of_a_refund_in_any_order_end_in_the_same_state(app: Flask, paid: str, stripe_simulator: Any) -> None:
    stripe_simulator.control.refunds_stay_pending()
    cancelling.cancel_order(paid)
    stripe_simulator.control.hold()
    work()
    stripe_simulator.control.settle_refund(stripe_simulator.control.refunds()[0]["id"])
    stripe_simulator.control.release(backwards=True)
    stripe_simulator.deliver()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200) and balances() == {}


@pytest.mark.parametrize("kind", ["refused", "500"])
def test_lost_answer_is_repeated_with_the_same_key_and_makes_one_refund(
    app: Flask, paid: str, stripe_simulator: Any, clock: FakeClock, kind: str
) -> None:
    cancelling.cancel_order(paid)
    stripe_simulator.control.fail("refund.create", kind=kind, times=3, when="after", stored=False)
    work()
    assert truth(stripe_simulator) == ("requested", 1, 1200) and balances() == OWED
    work()
    assert len(creations(stripe_simulator)) == 3, "it rests for a minute"
    clock.advance(seconds=61)
    work()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200) and balances() == {}
    assert len({call["idempotency_key"] for call in creations(stripe_simulator)}) == 1


@pytest.mark.parametrize("kind", ["500", "429", "refused"])
def test_stripe_away_only_delays(app: Flask, paid: str, stripe_simulator: Any, clock: FakeClock, kind: str) -> None:
    cancelling.cancel_order(paid)
    stripe_simulator.control.fail("refund.create", kind=kind, times=3, stored=False)
    work()
    assert truth(stripe_simulator) == ("requested", 0, 0)
    stripe_simulator.control.clear_faults()
    clock.advance(seconds=61)
    work()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200)


def test_intent_older_than_a_day_is_looked_up_before_it_is_repeated(
    app: Flask, paid: str, stripe_simulator: Any, clock: FakeClock
) -> None:
    cancelling.cancel_order(paid)
    stripe_simulator.control.fail("refund.create", kind="refused", times=3, when="after")
    work()
    clock.advance(hours=25)
    work()
    assert truth(stripe_simulator) == ("succeeded", 1, 1200)
    assert len(creations(stripe_simulator)) == 3 and stripe_simulator.control.counts()["refund.list"] >= 1


def test_twin_without_the_look_stripe_would_be_asked_again_under_a_forgotten_key(
    app: Flask, paid: str, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway(), "find_refund", lambda *_: None)
    cancelling.cancel_order(paid)
    with transaction() as db:
        db.execute(Refund.__table__.update().values(amount_cents=600))
    stripe_simulator.control.fail("refund.create", kind="refused", times=3, when="after")
    work()
    clock.advance(hours=25)
    work()
    assert [r["amount"] for r in stripe_simulator.control.refunds()] == [600, 600]


def test_refund_that_stripe_refuses_for_good_is_on_the_staffs_desk(app: Flask, paid: str, stripe_simulator: Any) -> None:
    stripe_simulator.control.dispute(stripe_simulator.checkout()["id"])
    cancelling.cancel_order(paid)
    work()
    assert truth(stripe_simulator)[:2] == ("failed", 0) and the(Case, kind="refund_failed").payment_id == the(Payment).id
    assert payment_status() is PaymentState.PAID


def test_two_workers_at_once_make_one_refund(app: Flask, paid: str, stripe_simulator: Any) -> None:
    cancelling.cancel_order(paid)
    refund_id = the(Refund).id
    at_once(app, *[lambda: refunds.send_refund(refund_id)] * 4)
    assert truth(stripe_simulator) == ("succeeded", 1, 1200) and len(creations(stripe_simulator)) == 1


def ask(cents: int) -> None:
    with transaction() as db:
        payment = db.execute(select(Payment)).scalar_one()
        orders.lock(db, payment.order_id)
        refunds.add_refund(db, payment.id, cents, "test", "guest")


def test_never_more_than_was_captured_is_promised(app: Flask, paid: str, stripe_simulator: Any) -> None:
    ask(700)
    with pytest.raises(AssertionError):
        ask(501)
    ask(500)
    with pytest.raises(AssertionError):
        ask(1)
    work()
    assert [r["amount"] for r in stripe_simulator.control.refunds()] == [700, 500]
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 1200


def test_two_who_ask_at_once_are_not_promised_the_same_money(app: Flask, paid: str, stripe_simulator: Any) -> None:
    answers = at_once(app, *[lambda: ask(700)] * 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["AssertionError"] * 3 + ["NoneType"]
    assert count_of(Refund) == 1


def test_what_failed_may_be_promised_again(app: Flask, paid: str, stripe_simulator: Any) -> None:
    ask(1200)
    work()
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    stripe_simulator.deliver()
    ask(1200)
    work()
    assert [refund.status.value for refund in all_of(Refund)] == ["failed", "succeeded"]


# --- Made at Stripe ----------------------------------------------------------------------------------------------------------


def test_refund_made_in_stripes_dashboard_becomes_ours_once(app: Flask, paid: str, stripe_simulator: Any) -> None:
    stripe_simulator.control.copies(1)
    stripe_simulator.control.refund(stripe_simulator.checkout()["id"], 500)
    stripe_simulator.deliver()
    refund = the(Refund)
    assert (refund.amount_cents, refund.status, refund.reason, refund.actor) == (500, "succeeded", "made_at_stripe", "stripe")
    assert balances() == {"stripe:clearing": 700, "revenue:registration": -700}
    assert payment_status() is PaymentState.PARTIALLY_REFUNDED
    assert count_of(AuditEntry, action="refund_adopted") == 1 and mails() == ["confirmation"]
    cancelling.cancel_order(paid)
    work()
    assert [r.amount_cents for r in all_of(Refund)] == [500, 700] and balances() == {}
    assert payment_status() is PaymentState.REFUNDED and health_check.findings() == []


def test_dashboard_refund_of_a_payment_that_fits_no_order_leaves_the_revenue_alone(app: Flask, stripe_simulator: Any) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    receive(event("checkout.session.completed", {**stripe_simulator.checkout(), "amount_total": 1300}))
    assert balances() == {"stripe:clearing": 1300, "suspense": -1300}
    stripe_simulator.control.refund(stripe_simulator.checkout()["id"])
    stripe_simulator.control.only(["refund.created"])
    stripe_simulator.deliver()
    assert balances() == {"stripe:clearing": 100, "suspense": -100}


def test_dashboard_refund_of_money_that_is_owed_already_settles_the_debt(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    ending.give_up(token)
    pay_late(stripe_simulator, token)
    assert balances() == OWED
    stripe_simulator.control.refund(payments_of(token)[0].checkout_id)
    stripe_simulator.deliver()
    assert balances() == {}
    work()  # our own refund comes second: Stripe refuses it, and a person is told
    assert [r.status.value for r in all_of(Refund)] == ["failed", "succeeded"] and count_of(Case, kind="refund_failed") == 1
    assert balances() == {} and stripe_simulator.control.payments()[0]["amount_refunded"] == 1200


def test_dashboard_refund_that_came_back_unheard_of_is_looked_up_when_ours_goes_out_all_the_same(
    app: Flask, stripe_simulator: Any
) -> None:
    """Stripe sends back no more than came, so one of the two has failed since; nobody waits for the night to learn which."""
    token = begin(make_club_session())
    ending.give_up(token)
    pay_late(stripe_simulator, token)
    stripe_simulator.control.refund(payments_of(token)[0].checkout_id)
    stripe_simulator.deliver()
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    work()
    assert {r.reason: r.status.value for r in all_of(Refund)} == {"too_late": "succeeded", "made_at_stripe": "failed"}
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 1200


def test_refund_of_another_apps_payment_is_left_alone(app: Flask, paid: str, stripe_simulator: Any) -> None:
    stranger = {"id": "re_other", "object": "refund", "amount": 100, "currency": "nzd", "status": "succeeded", "metadata": {}}
    receive(event("refund.created", {**stranger, "payment_intent": "pi_other"}))
    receive(event("refund.created", {**stranger, "payment_intent": None}))
    assert count_of(Refund) == 0 and balances() == CONFIRMED
    assert not [row for row in all_of(StripeEvent) if row.processed_at is None]


def test_books_of_a_whole_life_are_empty_in_the_end_and_name_their_session(app: Flask, paid: str, stripe_simulator: Any) -> None:
    cancelling.cancel_order(paid)
    work()
    stripe_simulator.deliver()
    assert balances() == {} and the(Order).status == "cancelled"
    assert {entry.entry_key.split(":")[0] for entry in all_of(LedgerEntry)} == {"payment", "refund"}
    assert all(entry.amount_cents == 1200 and entry.currency == "NZD" for entry in all_of(LedgerEntry))
