"""Money that is not what was ordered: nothing is confirmed, a case opens, and a person gives it back or keeps it, once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, Case, Order, Payment, Refund
from app.rules.refusals import InvalidInput
from app.services import cancelling, cases, checkout, health_check, reconciling, suspense
from app.transaction import transaction
from tests.support.booking import at_once, balances, begin, event, mails, payments_of, receive, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

WRONG: dict[str, dict[str, Any]] = {
    "amount": {"amount_total": 1100},
    "currency": {"currency": "usd"},
    "mode": {"livemode": True},
    "order": {"client_reference_id": "ZZZZZZ"},
}


def told_wrongly(stripe: Any, **changes: Any) -> None:
    """Stripe says that the newest Checkout was paid, with something other than what we ordered."""
    stripe.pay()
    receive(event("checkout.session.completed", stripe.checkout() | changes))


@pytest.mark.parametrize("problem", WRONG)
def test_what_was_not_ordered_confirms_nothing_and_opens_a_case(app: Flask, stripe_simulator: Any, problem: str) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    told_wrongly(stripe_simulator, **WRONG[problem])
    assert states(token) == ("pending", "held", ["succeeded"]) and mails() == []
    case = the(Case)
    assert (case.kind, case.detail["problem"], case.closed_at) == ("payment_mismatch", problem, None)
    captured = the(Payment).captured_cents
    assert captured == WRONG[problem].get("amount_total", 1200)
    assert balances() == {"stripe:clearing": captured, "suspense": -captured}


def test_money_in_another_account_confirms_nothing_and_opens_a_case_outside_the_books(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    told = event("checkout.session.completed", stripe_simulator.checkout(), account="acct_elsewhere")
    for _ in range(2):
        receive(told)
    receive(told | {"id": "evt_again"})
    assert states(token) == ("pending", "held", ["open"]) and mails() == [] and balances() == {}
    case = the(Case)
    assert (case.kind, case.detail["account"], case.detail["cents"]) == ("payment_elsewhere", "acct_elsewhere", 1200)
    receive(event("checkout.session.async_payment_failed", stripe_simulator.checkout(), account="acct_elsewhere"))
    receive(event("checkout.session.expired", stripe_simulator.checkout() | {"status": "expired"}, account="acct_elsewhere"))
    assert states(token)[:2] == ("pending", "held"), "nor does it end anything"


@pytest.mark.databases("sqlite")
def test_hold_of_what_was_not_ordered_ends_in_its_time(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    told_wrongly(stripe_simulator, **WRONG["order"])
    clock.advance(minutes=31)
    work()
    assert states(token)[:2] == ("expired", "expired") and taken(club_session) == 0
    assert the(Case).closed_at is None, "only a person closes it"


def mismatched(stripe: Any) -> Case:
    """The case of a payment whose order's price was changed behind our back."""
    begin(make_club_session())
    with transaction() as db:
        db.execute(update(Payment).values(amount_cents=1300))
    stripe.pay()
    stripe.deliver()
    return the(Case)


def test_given_back_is_refunded_in_full_and_the_payer_is_told(app: Flask, stripe_simulator: Any) -> None:
    case = mismatched(stripe_simulator)
    assert suspense.give_back(case.id, "user:1") == 1200
    work()
    stripe_simulator.deliver()
    assert [refund["amount"] for refund in stripe_simulator.control.refunds()] == [1200]
    assert (the(Refund).status, the(Refund).actor) == ("succeeded", "user:1")
    assert balances() == {} and mails() == ["refunded_mismatch"]
    assert the(Case).closed_at is not None and the(AuditEntry, action="case_closed").actor == "user:1"
    assert reconciling.reconcile().in_order and health_check.findings() == []


def test_two_clicks_at_once_make_one_refund(app: Flask, stripe_simulator: Any) -> None:
    case = mismatched(stripe_simulator)
    clicks = at_once(app, *[lambda: suspense.give_back(case.id, "user:1")] * 3)
    assert sorted(type(click).__name__ for click in clicks) == ["InvalidInput", "InvalidInput", "int"]
    work()
    assert count_of(Refund) == 1 and len(stripe_simulator.control.refunds()) == 1


def test_kept_becomes_other_revenue_and_is_not_given_back_afterwards(app: Flask, stripe_simulator: Any) -> None:
    case = mismatched(stripe_simulator)
    suspense.keep(case.id, "user:1", "It was for the hall.")
    assert balances() == {"stripe:clearing": 1200, "revenue:other": -1200}
    assert the(Case).resolution == "kept: It was for the hall."
    with pytest.raises(InvalidInput):
        suspense.give_back(case.id, "user:2")
    with pytest.raises(InvalidInput):
        suspense.keep(case.id, "user:2")
    assert count_of(Refund) == 0 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_refunded_in_the_dashboard_first_is_not_refunded_again(app: Flask, stripe_simulator: Any) -> None:
    case = mismatched(stripe_simulator)
    stripe_simulator.control.refund(the(Payment).payment_intent_id)
    stripe_simulator.deliver()
    assert balances() == {}, "it left suspense"
    assert suspense.give_back(case.id, "user:1") == 0
    work()
    assert len(stripe_simulator.control.refunds()) == 1 and reconciling.reconcile().in_order


@pytest.mark.databases("sqlite")
def test_case_about_something_else_has_no_money_to_decide_about(app: Flask, stripe_simulator: Any) -> None:
    with transaction() as db:
        cases.open_case(db, "mail:1", "mail_failed")
    for decide in (suspense.give_back, suspense.keep):
        with pytest.raises(InvalidInput):
            decide(the(Case).id, "user:1")
    assert the(Case).closed_at is None and count_of(Order) == 0


@pytest.mark.databases("sqlite")
def test_paying_rightly_after_a_wrong_payment_buys_the_place(app: Flask, stripe_simulator: Any) -> None:
    """The wrong money waits for staff; the person may still pay what was asked."""
    token = begin(make_club_session())
    told_wrongly(stripe_simulator, **WRONG["order"])
    checkout.pay(token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert states(token)[:2] == ("paid", "registered") and [p.status for p in payments_of(token)] == ["succeeded", "succeeded"]
    assert len([case for case in all_of(Case) if case.closed_at is None]) == 1


@pytest.mark.parametrize("problem", ["order", "amount"])
def test_booking_is_paid_back_out_of_the_payment_that_bought_it(app: Flask, stripe_simulator: Any, problem: str) -> None:
    """Not out of the wrong money that came before it, which goes back by itself."""
    token = begin(make_club_session())
    told_wrongly(stripe_simulator, **WRONG[problem])
    checkout.pay(token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    right = payments_of(token)[1]
    assert cancelling.cancel_order(token) == 1200
    assert (the(Refund).payment_id, the(Refund).amount_cents) == (right.id, 1200)
    work()
    wrong_cents = payments_of(token)[0].captured_cents
    assert suspense.give_back(the(Case).id, "user:1") == wrong_cents
    work()
    assert sum(refund["amount"] for refund in stripe_simulator.control.refunds()) == 1200 + wrong_cents
    assert balances() == {}


def test_only_what_has_not_gone_back_in_the_dashboard_is_kept(app: Flask, stripe_simulator: Any) -> None:
    case = mismatched(stripe_simulator)
    stripe_simulator.control.refund(the(Payment).payment_intent_id, 400)
    stripe_simulator.deliver()
    suspense.keep(case.id, "user:1")
    assert balances() == {"stripe:clearing": 800, "revenue:other": -800}
    assert reconciling.reconcile().in_order and health_check.findings() == []
