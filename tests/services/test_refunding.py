"""Money going back (promise 4): one intent is one refund, whatever Stripe answers; what cannot be sent comes to the desk."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.integrations import gateway
from app.models import Case, LedgerEntry, Refund, Registration
from app.rules.refusals import InvalidInput
from app.services import cancelling, checkout, failed_refunds, health_check, reconciling, refunds
from tests.support.booking import balances, begin, do_not_pause, order_of, pay_late, payments_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


@pytest.fixture
def cancelled(app: Flask, stripe_simulator: Any) -> str:
    """Somebody has paid NZ$12.00 and cancelled in time; the refund is owed and not sent."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    cancelling.cancel_order(token)
    return token


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def test_refund_pending_then_succeeded_then_returned_by_the_bank(app: Flask, stripe_simulator: Any, cancelled: str) -> None:
    control = stripe_simulator.control
    control.refunds_stay_pending()
    work()
    assert the(Refund).status == "pending" and booking(cancelled).payment_status == "refunded"
    assert balances() == {}, "it has left the account, and nothing is owed any more"
    control.settle_refund(the(Refund).provider_ref)
    stripe_simulator.deliver()
    assert the(Refund).status == "succeeded" and count_of(Case) == 0
    control.fail_refund(the(Refund).provider_ref)
    stripe_simulator.deliver()
    assert the(Refund).status == "failed" and booking(cancelled).payment_status == "paid"
    assert balances() == {"stripe:clearing": 1200, "owed:refunds": -1200}
    assert the(Case).kind == "refund_failed" and health_check.findings() == []


def test_returned_refund_is_tried_again_once_by_two_clicks(app: Flask, stripe_simulator: Any, cancelled: str) -> None:
    work()
    stripe_simulator.control.fail_refund(the(Refund).provider_ref)
    stripe_simulator.deliver()
    failed_refunds.try_again(the(Case).id, "user:1")
    with pytest.raises(InvalidInput):
        failed_refunds.try_again(the(Case).id, "user:1")
    work()
    assert [refund.status for refund in all_of(Refund)] == ["failed", "succeeded"] and balances() == {}
    assert reconciling.reconcile().in_order


@pytest.mark.parametrize("fault", [{"kind": "timeout", "when": "after"}, {"kind": "500", "when": "after", "stored": False}])
def test_lost_answer_is_repeated_with_the_same_key_and_makes_one_refund(
    app: Flask, stripe_simulator: Any, cancelled: str, clock: FakeClock, fault: dict[str, Any]
) -> None:
    stripe_simulator.control.fail("refund.create", times=3, **fault)
    work()
    assert the(Refund).status == "requested" and the(Refund).attempts == 1 and the(Refund).last_error
    work()
    assert the(Refund).attempts == 1, "it rests for a minute"
    clock.advance(seconds=61)
    work()
    assert the(Refund).status == "succeeded" and len(stripe_simulator.control.refunds()) == 1


@pytest.mark.databases("sqlite")
def test_intent_older_than_stripes_memory_is_looked_up_and_not_repeated(
    app: Flask, stripe_simulator: Any, cancelled: str, clock: FakeClock
) -> None:
    """The refund was made, its answer and its webhooks were lost, and nobody worked for two days."""
    stripe_simulator.control.drop(count=None)
    stripe_simulator.control.fail("refund.create", "timeout", times=3, when="after", seconds=0)
    work()
    clock.advance(days=2)
    calls = stripe_simulator.control.counts()["refund.create"]
    work()
    assert the(Refund).status == "succeeded" and stripe_simulator.control.counts()["refund.create"] == calls
    assert [refund["amount"] for refund in stripe_simulator.control.refunds()] == [1200]


@pytest.mark.databases("sqlite")
def test_refund_made_in_the_dashboard_is_adopted_once_however_it_is_told(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    made = stripe_simulator.control.refund(payments_of(token)[0].payment_intent_id, 500)
    stripe_simulator.deliver()
    reconciling.reconcile()
    adopted = the(Refund)
    assert (adopted.provider_ref, adopted.amount_cents, adopted.actor) == (made["id"], 500, "stripe")
    assert booking(token).payment_status == "partially_refunded"
    assert cancelling.cancel_order(token) == 700, "never more than is left"
    work()
    assert sum(refund["amount"] for refund in stripe_simulator.control.refunds()) == 1200
    assert reconciling.reconcile().in_order and health_check.findings() == []


def test_refund_that_stripe_refuses_is_a_case_at_once(app: Flask, stripe_simulator: Any, cancelled: str) -> None:
    """Staff were faster, in the dashboard: nothing is left to refund, and Stripe says so."""
    stripe_simulator.control.refund(payments_of(cancelled)[0].payment_intent_id)
    work()
    assert len(stripe_simulator.control.refunds()) == 1
    assert the(Refund).status == "failed" and the(Case).kind == "refund_failed"


@pytest.mark.databases("sqlite")
def test_poison_refund_rests_between_tries_counts_them_and_comes_to_the_desk(
    app: Flask, stripe_simulator: Any, cancelled: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug on the way to Stripe")

    with monkeypatch.context() as bug:
        bug.setattr(gateway(), "create_refund", broken)
        for minute in range(refunds.MANY + 5):
            work()
            assert the(Refund).attempts == minute + 1
            assert (count_of(Case) == 1) == (the(Refund).attempts >= refunds.MANY)
            clock.advance(seconds=61)
    case = the(Case)
    assert case.kind == "refund_stuck" and case.detail["attempts"] == refunds.MANY
    work()
    assert the(Refund).status == "succeeded" and the(Case).resolution == "answered", "it closes when it was only late"


@pytest.mark.databases("sqlite")
def test_poison_refund_does_not_stop_those_behind_it(
    app: Flask, stripe_simulator: Any, cancelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    cancelling.cancel_order(other)
    poison, create = payments_of(cancelled)[0].payment_intent_id, gateway().create_refund

    def broken(intent: str, *rest: Any) -> Any:
        if intent == poison:
            raise ValueError("a bug on the way to Stripe")
        return create(intent, *rest)

    monkeypatch.setattr(gateway(), "create_refund", broken)
    work()
    assert [refund.status.value for refund in all_of(Refund)] == ["requested", "succeeded"]


@pytest.mark.databases("sqlite")
def test_refund_is_booked_once_however_often_it_is_told(app: Flask, stripe_simulator: Any, cancelled: str) -> None:
    work()
    booked = count_of(LedgerEntry)
    for _ in range(2):
        for made in stripe_simulator.control.events():
            if made["type"].startswith("refund."):
                stripe_simulator.control.repeat(made["id"], new_id_too=True)
        stripe_simulator.deliver()
    assert count_of(LedgerEntry) == booked


def test_second_payment_that_failed_to_go_back_is_not_what_pays_the_booking_back(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.control.expire(payments_of(token)[0].checkout_id)
    stripe_simulator.deliver()
    checkout.pay(token)
    stripe_simulator.pay(payments_of(token)[1].checkout_id)
    stripe_simulator.deliver()
    pay_late(stripe_simulator, token)
    work()
    assert the(Refund).reason == "paid_twice"
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 1200
    assert all_of(Refund)[-1].payment_id == payments_of(token)[1].id
    work()
    assert failed_refunds.try_again(the(Case, kind="refund_failed").id, "user:1") == 1200
    work()
    assert balances() == {} and health_check.findings() == []
