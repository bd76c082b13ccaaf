"""A bank takes money back: the books follow, staff are told, and the order in which Stripe tells it does not matter."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Case, Refund, StripeEvent
from app.rules.statuses import RefundPolicy, RefundStatus
from app.services import cancelling, health_check, reconciling
from tests.support.booking import balances, begin, event, payments_of, receive, states, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the
from tests.support.settings import SITE_URL

PAID = ("paid", "registered", ["succeeded"])


@pytest.fixture
def paid(app: Flask, stripe_simulator: Any) -> str:
    """Somebody has paid NZ$12.00."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    return token


def opened(stripe: Any, token: str) -> str:
    """The bank disputes the payment; Stripe's id of the dispute."""
    return str(stripe.control.dispute(payments_of(token)[0].payment_intent_id)["id"])


def test_opened_dispute_leaves_the_books_and_comes_to_the_desk(app: Flask, stripe_simulator: Any, paid: str) -> None:
    opened(stripe_simulator, paid)
    stripe_simulator.deliver()
    assert balances() == {"disputes": 1200, "revenue:registration": -1200}
    case = the(Case)
    assert (case.kind, case.detail["cents"], case.closed_at) == ("dispute_opened", 1200, None)
    assert states(paid) == PAID, "the place is not taken away by the bank"
    assert count_of(AuditEntry, action="dispute_needs_response") == 1


def test_won_dispute_brings_the_money_back_and_closes_its_case(app: Flask, stripe_simulator: Any, paid: str) -> None:
    dispute = opened(stripe_simulator, paid)
    stripe_simulator.deliver()
    stripe_simulator.control.close_dispute(dispute, "won")
    stripe_simulator.deliver()
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}
    assert the(Case).resolution == "won"
    assert reconciling.reconcile().in_order


def test_lost_dispute_stays_gone_and_staff_are_told(app: Flask, stripe_simulator: Any, paid: str) -> None:
    dispute = opened(stripe_simulator, paid)
    stripe_simulator.deliver()
    stripe_simulator.control.close_dispute(dispute, "lost")
    stripe_simulator.deliver()
    assert balances() == {"disputes": 1200, "revenue:registration": -1200}
    assert {case.kind: case.closed_at is None for case in all_of(Case)} == {"dispute_opened": False, "dispute_lost": True}
    report = reconciling.reconcile()
    assert report.difference_cents == 0 and report.open_cases == 1
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("verdict", ["won", "lost"])
@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_any_order_of_the_same_events_ends_in_the_same_state(
    app: Flask, stripe_simulator: Any, paid: str, verdict: str, order: tuple[int, ...]
) -> None:
    """Opened, evidence handed in, decided, and the decision once more under another id."""
    control = stripe_simulator.control
    dispute = control.dispute(payments_of(paid)[0].payment_intent_id)
    decided = control.close_dispute(dispute["id"], verdict)
    kinds = (("created", dispute), ("updated", dispute | {"status": "under_review"}), ("closed", decided), ("closed", decided))
    told = [event(f"charge.dispute.{kind}", thing) for kind, thing in kinds]
    for number in order:
        receive(told[number])
    held = {"stripe:clearing": 1200} if verdict == "won" else {"disputes": 1200}
    assert balances() == {**held, "revenue:registration": -1200}
    assert payments_of(paid)[0].disputed_cents == (0 if verdict == "won" else 1200)
    assert [case.kind for case in all_of(Case) if case.closed_at is None] == (["dispute_lost"] if verdict == "lost" else [])


@pytest.mark.databases("sqlite")
def test_banks_mere_question_moves_no_money(app: Flask, stripe_simulator: Any, paid: str) -> None:
    intent = payments_of(paid)[0].payment_intent_id
    asked = {"id": "dp_asked", "object": "dispute", "payment_intent": intent, "amount": 1200, "currency": "nzd"}
    receive(event("charge.dispute.created", asked | {"status": "warning_needs_response"}))
    receive(event("charge.dispute.closed", asked | {"status": "warning_closed"}))
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200} and count_of(Case) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("told_by", ["updated", "funds_withdrawn"])
def test_banks_question_that_becomes_a_dispute_is_noticed_at_once(
    app: Flask, stripe_simulator: Any, paid: str, told_by: str
) -> None:
    """It keeps its id, and Stripe announces it by no second `created`."""
    intent = payments_of(paid)[0].payment_intent_id
    asked = {"id": "dp_asked", "object": "dispute", "payment_intent": intent, "amount": 1200, "currency": "nzd"}
    receive(event("charge.dispute.created", asked | {"status": "warning_needs_response"}))
    receive(event(f"charge.dispute.{told_by}", asked | {"status": "needs_response"}))
    assert balances() == {"disputes": 1200, "revenue:registration": -1200}
    assert the(Case).kind == "dispute_opened"
    receive(event("charge.dispute.updated", asked | {"status": "warning_under_review"}))
    assert payments_of(paid)[0].disputed_cents == 1200, "told late, the question takes nothing back"
    assert cancelling.cancel_order(paid) == 0, "what the bank holds goes back no second time"


def test_each_step_of_a_dispute_is_on_the_record_once(app: Flask, stripe_simulator: Any, paid: str) -> None:
    """Stripe tells each of them by several messages."""
    dispute = opened(stripe_simulator, paid)
    stripe_simulator.control.close_dispute(dispute, "won")
    stripe_simulator.deliver()
    for kind in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed"):
        assert count_of(StripeEvent, type=f"charge.dispute.{kind}") == (kind != "updated")
    steps = [entry.action for entry in all_of(AuditEntry) if entry.action.startswith("dispute_")]
    assert steps == ["dispute_needs_response", "dispute_won"]


def test_repeat_of_a_won_dispute_does_not_look_again_at_what_was_given_up_since(
    app: Flask, clock: FakeClock, stripe_simulator: Any
) -> None:
    token = begin(make_club_session(refund_policy=RefundPolicy.FEE_KEPT, refund_fee_cents=500))
    stripe_simulator.pay()
    stripe_simulator.deliver()
    dispute = stripe_simulator.control.dispute(payments_of(token)[0].payment_intent_id)
    won = stripe_simulator.control.close_dispute(dispute["id"], "won")
    stripe_simulator.deliver()
    clock.advance(minutes=1)
    assert cancelling.cancel_order(token) == 700
    receive(event("charge.dispute.closed", won))
    assert [case.kind for case in all_of(Case) if case.closed_at is None] == []


@pytest.mark.databases("sqlite")
def test_dispute_of_somebody_elses_payment_is_left_alone(app: Flask, stripe_simulator: Any, paid: str) -> None:
    theirs = {"id": "dp_theirs", "object": "dispute", "payment_intent": "pi_theirs", "amount": 900, "currency": "nzd"}
    receive(event("charge.dispute.created", theirs | {"status": "needs_response"}))
    assert count_of(Case) == 0 and balances()["stripe:clearing"] == 1200


@pytest.mark.parametrize("begins_with", ["created", "closed"])
def test_dispute_that_is_told_before_the_payment_waits_for_it(
    app: Flask, clock: FakeClock, stripe_simulator: Any, begins_with: str
) -> None:
    begin(make_club_session())
    stripe_simulator.control.drop(None)
    stripe_simulator.pay()
    [payment] = stripe_simulator.control.payments()
    dispute = stripe_simulator.control.dispute(payment["id"])
    if begins_with == "closed":
        dispute = stripe_simulator.control.close_dispute(dispute["id"], "lost")
    receive(event(f"charge.dispute.{begins_with}", dispute))
    assert (balances(), all_of(Case)) == ({}, [])
    receive(event("checkout.session.completed", stripe_simulator.control.sessions()[0]))
    clock.advance(minutes=1)
    work()
    assert balances() == {"disputes": 1200, "revenue:registration": -1200}
    assert reconciling.reconcile().difference_cents == 0


@pytest.mark.databases("sqlite")
def test_dispute_of_another_apps_payment_is_not_kept(app: Flask, stripe_simulator: Any, paid: str) -> None:
    """Nothing of ours is waiting to be paid: it cannot be about us."""
    dispute = stripe_simulator.control.dispute(payments_of(paid)[0].payment_intent_id)
    receive(event("charge.dispute.created", {**dispute, "payment_intent": "pi_of_somebody_else"}))
    assert the(StripeEvent, type="charge.dispute.created").processed_at is not None and all_of(Case) == []


@pytest.mark.parametrize(("end", "back_cents"), [(None, 0), ("lost", 0), ("won", 1200)])
def test_what_a_bank_has_claimed_back_goes_back_no_second_time(
    app: Flask, stripe_simulator: Any, paid: str, end: str | None, back_cents: int
) -> None:
    dispute = opened(stripe_simulator, paid)
    if end is not None:
        stripe_simulator.control.close_dispute(dispute, end)
    stripe_simulator.deliver()
    page = app.test_client().get(f"/orders/{paid}", base_url=SITE_URL).text
    assert ("You get NZ$12.00 back" in page) is bool(back_cents)
    assert ("Your bank has claimed this payment back" in page) is not bool(back_cents)
    assert ("for a full refund" in page) is bool(back_cents), "the terms promise nothing that the page takes back below"
    assert cancelling.cancel_order(paid) == back_cents
    work()
    assert [refund.status for refund in all_of(Refund)] == ([RefundStatus.SUCCEEDED] if back_cents else [])
    assert not count_of(Case, kind="refund_failed")


@pytest.mark.parametrize("gave_up", [True, False])
def test_dispute_that_is_won_after_the_place_was_given_up_comes_back_to_the_desk(
    app: Flask, clock: FakeClock, stripe_simulator: Any, paid: str, gave_up: bool
) -> None:
    dispute = opened(stripe_simulator, paid)
    stripe_simulator.deliver()
    clock.advance(minutes=1)
    if gave_up:
        assert cancelling.cancel_order(paid) == 0
    stripe_simulator.control.close_dispute(dispute, "won")
    stripe_simulator.deliver()
    assert [case.kind for case in all_of(Case) if case.closed_at is None] == (["dispute_won"] if gave_up else [])
    assert reconciling.reconcile().difference_cents == 0
