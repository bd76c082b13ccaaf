"""The return from Stripe: only Stripe's own record confirms (promise 5), and each wrong turn is told apart (issue 2 part 4).

Webhook before, after, without and at the very moment of the return end in the same state (promise 6).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.integrations import gateway
from app.models import Case, LedgerEntry, Order, Payment
from app.rules.refusals import CheckoutAlreadyUsed, CheckoutOfAnotherOrder, CheckoutUnknown, NotPaidYet, StripeAway
from app.services import attempts, returning
from tests.support.booking import at_once, balances, begin, do_not_pause, mails, payments_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the

PAID = ("paid", "registered", ["succeeded"])
WAITING = ("pending", "held", ["open"])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def confirmed_once(token: str, club_session: Any) -> None:
    assert states(token) == PAID and taken(club_session) == 1
    assert mails() == ["confirmation"] and balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}


@pytest.mark.parametrize("garbled", [
    "", "cs_", "nonsense", "pi_3Abc", "cs_../../x", "cs_é", "cs_test_a1 b", "cs_" + "a" * 201, "cs_a\n",
])  # fmt: skip
def test_id_that_is_no_checkouts_is_unknown_and_stripe_is_not_even_asked(app: Flask, stripe_simulator: Any, garbled: str) -> None:
    token = begin(make_club_session())
    with pytest.raises(CheckoutUnknown):
        returning.confirm(token, garbled)
    assert "checkout.retrieve" not in stripe_simulator.control.counts() and states(token) == WAITING


def test_id_that_stripe_does_not_know_is_unknown(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    with pytest.raises(CheckoutUnknown):
        returning.confirm(token, "cs_test_a1" + "x" * 56)
    assert stripe_simulator.control.counts()["checkout.retrieve"] == 1 and states(token) == WAITING


def test_unpaid_is_not_confirmed_however_often_it_comes_back(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    for _ in range(2):
        with pytest.raises(NotPaidYet):
            returning.confirm(token, stripe_simulator.checkout()["id"])
    assert states(token) == WAITING and mails() == [] and balances() == {}


def test_declined_card_is_not_paid(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay(card="4000000000000002")
    with pytest.raises(NotPaidYet):
        returning.confirm(token, stripe_simulator.checkout()["id"])
    assert states(token) == WAITING


def test_expired_is_not_paid_and_the_return_frees_nothing(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    with pytest.raises(NotPaidYet):
        returning.confirm(token, stripe_simulator.checkout()["id"])
    assert states(token) == WAITING and taken(club_session) == 1


@pytest.mark.parametrize("paid", [False, True])
def test_another_orders_checkout_confirms_neither(app: Flask, stripe_simulator: Any, paid: bool) -> None:
    club_session = make_club_session()
    mine, theirs = begin(club_session), begin(club_session)
    if paid:
        stripe_simulator.pay()
    with pytest.raises(CheckoutOfAnotherOrder):
        returning.confirm(mine, payments_of(theirs)[0].checkout_id or "")
    assert states(mine) == states(theirs) == WAITING and mails() == []


def test_paid_checkout_of_another_app_that_claims_our_order_confirms_nothing(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    params = dict(payments_of(token)[0].params)
    forged = {**params, "metadata": {}, "payment_intent_data": {}}
    other = gateway().create_checkout(forged, "another-app")
    assert other.order_reference and not other.ours
    stripe_simulator.pay(other.id)
    with pytest.raises(CheckoutOfAnotherOrder):
        returning.confirm(token, other.id)
    assert states(token) == WAITING and balances() == {}


def share_intent(simulator: Any, checkout_id: str, payment_intent_id: str) -> None:
    """Let a Checkout name another's PaymentIntent: Stripe never does, so this is what a forged or broken answer would be."""
    store = simulator.simulator.core.store
    with store.changes():
        record = store.need("checkout.session", checkout_id)
        record.object.update(status="complete", payment_status="paid", payment_intent=payment_intent_id)
        store.save(record)


def test_money_that_already_pays_one_order_pays_no_other(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    first = begin(club_session)
    stripe_simulator.pay()
    returning.confirm(first, stripe_simulator.checkout()["id"])
    second = begin(club_session)
    share_intent(stripe_simulator, stripe_simulator.checkout()["id"], payments_of(first)[0].payment_intent_id or "")
    with pytest.raises(CheckoutAlreadyUsed):
        returning.confirm(second, stripe_simulator.checkout()["id"])
    assert states(second) == WAITING and states(first) == PAID and count_of(LedgerEntry) == 1


def test_twin_without_the_look_the_database_itself_still_refuses(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_money_that_already_pays_one_order_pays_no_other(app, stripe_simulator)
    find = attempts.find
    monkeypatch.setattr(attempts, "find", lambda *args: replace(find(*args), pays_another=False))
    second = the(Payment, status="open")
    with pytest.raises(IntegrityError):
        returning.confirm(the(Order, id=second.order_id).token, second.checkout_id or "")
    assert count_of(LedgerEntry) == 1


def test_money_used_twice_that_only_the_worker_sees_becomes_a_case(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    first = begin(club_session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    second = begin(club_session)
    share_intent(stripe_simulator, stripe_simulator.checkout()["id"], payments_of(first)[0].payment_intent_id or "")
    clock.advance(seconds=46)
    work()
    assert the(Case, kind="payment_used_twice").payment_id == payments_of(second)[0].id
    assert states(second)[:2] == ("pending", "held") and states(first) == PAID


# --- Paid --------------------------------------------------------------------------------------------------------------------


def test_paid_without_any_webhook_is_confirmed_by_the_return(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    returning.confirm(token, stripe_simulator.checkout()["id"])
    confirmed_once(token, club_session)
    returning.confirm(token, stripe_simulator.checkout()["id"])
    confirmed_once(token, club_session)
    assert stripe_simulator.control.counts()["checkout.retrieve"] == 1, "a reload need not ask Stripe again"


@pytest.mark.parametrize("webhook_first", [True, False])
def test_webhook_before_and_after_the_return_ends_in_one_place_and_one_mail(
    app: Flask, stripe_simulator: Any, webhook_first: bool
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    steps = [stripe_simulator.deliver, lambda: returning.confirm(token, stripe_simulator.checkout()["id"])]
    for step in steps if webhook_first else reversed(steps):
        step()
    confirmed_once(token, club_session)
    assert {status for _, status in stripe_simulator.answers} == {200}


def test_webhook_return_and_worker_at_the_same_moment_end_in_one_place_and_one_mail(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    checkout_id = stripe_simulator.checkout()["id"]
    clock.advance(seconds=46)
    back = [lambda: returning.confirm(token, checkout_id)] * 3
    answers = at_once(app, *back, stripe_simulator.deliver, work)
    assert answers[:3] == [None] * 3 and {status for _, status in stripe_simulator.answers} == {200}, answers
    confirmed_once(token, club_session)


@pytest.mark.parametrize(("kind", "times"), [("500", 3), ("refused", 3), ("429", 1), ("401", 1)])
def test_stripe_away_at_the_return_changes_nothing_and_the_worker_settles_it_later(
    app: Flask, stripe_simulator: Any, clock: FakeClock, kind: str, times: int
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    stripe_simulator.control.fail("checkout.retrieve", kind=kind, times=times)
    with pytest.raises(StripeAway):
        returning.confirm(token, stripe_simulator.checkout()["id"])
    assert states(token) == WAITING
    clock.advance(seconds=46)
    work()
    confirmed_once(token, club_session)
