"""The end of a hold: expire at Stripe, look, act. A place is freed only when its Checkout can no longer be paid (promise 10).

Without any webhook everything settles within a minute (promise 2); Stripe away keeps the hold, and nothing else.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask

from app.integrations import gateway
from app.models import AuditEntry, Payment
from app.rules.refusals import OrderNotOpen
from app.services import ending, holds, registrations
from tests.support.booking import (
    applicant,
    at_once,
    balances,
    begin,
    do_not_pause,
    event,
    mails,
    order_of,
    receive,
    states,
    taken,
    work,
)  # fmt: skip
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, the

PAID = ("paid", "registered", ["succeeded"])
HELD = ("pending", "held", ["open"])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def operations(simulator: Any) -> list[str]:
    return [call["operation"] for call in simulator.control.calls()]


def test_hold_that_is_due_ends_by_expiring_its_checkout_first(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session, places=3)
    clock.advance(minutes=29, seconds=59)
    work()
    assert states(token) == HELD and taken(club_session) == 3 and "checkout.expire" not in operations(stripe_simulator)
    clock.advance(seconds=1)
    work()
    assert states(token) == ("expired", "expired", ["expired"]) and taken(club_session) == 0
    assert stripe_simulator.checkout()["status"] == "expired" and stripe_simulator.pay().outcome == "not_open"
    assert mails() == [], "an abandoned booking is no failed payment: nobody is written to"
    assert [(e.actor, e.action) for e in all_of(AuditEntry)][-2:] == [("worker", "expired"), ("worker", "expired")]


def test_place_is_still_taken_at_the_moment_its_checkout_is_expired(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    club_session, seen = make_club_session(), []
    begin(club_session)
    real = gateway().expire_checkout
    monkeypatch.setattr(gateway(), "expire_checkout", lambda id_: seen.append(taken(club_session)) or real(id_))
    clock.advance(minutes=30)
    work()
    assert seen == [1] and taken(club_session) == 0


def test_payment_in_the_last_second_is_fulfilled_and_not_released(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    clock.advance(minutes=30)
    stripe_simulator.pay()  # nobody tells us
    work()
    assert states(token) == PAID and taken(club_session) == 1 and mails() == ["confirmation"]


def test_twin_releasing_by_our_clock_alone_would_take_the_place_from_somebody_who_paid(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "settle", lambda attempt: ending._cannot_exist(attempt, "not asked"))
    club_session = make_club_session()
    token = begin(club_session)
    clock.advance(minutes=30)
    stripe_simulator.pay()
    work()
    assert states(token)[:2] == ("expired", "expired") and taken(club_session) == 0


def test_payment_while_it_is_being_expired_is_seen_by_the_look_afterwards(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    client = gateway()._client.v1.checkout.sessions  # type: ignore[attr-defined]
    real = client.expire
    monkeypatch.setattr(client, "expire", lambda *args: stripe_simulator.pay() and real(*args))
    clock.advance(minutes=30)
    work()
    assert states(token) == PAID and taken(club_session) == 1


@pytest.mark.parametrize("kind", ["500", "429", "refused", "401"])
def test_stripe_away_keeps_the_hold_and_the_next_look_ends_it(
    app: Flask, stripe_simulator: Any, clock: FakeClock, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    clock.advance(minutes=30)
    stripe_simulator.control.fail("checkout.*", kind=kind, times=50)
    with caplog.at_level(logging.WARNING):
        work()
    assert states(token) == HELD and taken(club_session) == 1
    tried = len(operations(stripe_simulator))
    work()
    assert len(operations(stripe_simulator)) == tried, "it waits half a minute before it asks again"
    stripe_simulator.control.clear_faults()
    clock.advance(seconds=31)
    work()
    assert states(token) == ("expired", "expired", ["expired"]) and taken(club_session) == 0
    assert token not in caplog.text and "@" not in caplog.text


def test_one_order_that_cannot_be_ended_does_not_hold_up_the_others(
    app: Flask, stripe_simulator: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    club_session = make_club_session()
    broken, fine = begin(club_session), begin(club_session)
    clock.advance(minutes=30)
    bad, real = order_of(broken).id, ending.end_order

    def end(order_id: int) -> None:
        if order_id == bad:
            raise RuntimeError("this one only")
        real(order_id)

    monkeypatch.setattr(ending, "end_order", end)
    holds.end_due_holds()
    assert states(broken) == HELD and states(fine)[0] == "expired" and taken(club_session) == 1


@pytest.mark.parametrize("minutes", [0, 31])
def test_word_from_stripe_that_a_checkout_expired_frees_the_place_only_when_the_hold_is_over(
    app: Flask, stripe_simulator: Any, clock: FakeClock, minutes: int
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    clock.advance(minutes=minutes)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    over = minutes > 30
    assert states(token) == (("expired", "expired", ["expired"]) if over else ("pending", "held", ["expired"]))
    assert taken(club_session) == (0 if over else 1)
    clock.advance(minutes=30)
    work()
    assert states(token)[:2] == ("expired", "expired") and taken(club_session) == 0


# --- Given up ----------------------------------------------------------------------------------------------------------------


def test_giving_up_frees_the_place_at_once_and_nobody_can_pay_any_more(app: Flask, stripe_simulator: Any) -> None:
    token = begin(club_session := make_club_session())
    assert ending.give_up(token, "guest") == "cancelled"
    assert states(token) == ("cancelled", "cancelled", ["expired"]) and taken(club_session) == 0
    assert stripe_simulator.pay().outcome == "not_open" and mails() == []
    assert [(e.actor, e.action) for e in all_of(AuditEntry)][1] == ("guest", "cancel_requested")
    for unknown in (token, "no-such-token"):
        with pytest.raises(OrderNotOpen):
            ending.give_up(unknown)


def test_giving_up_what_was_just_paid_keeps_it(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.pay()
    assert ending.give_up(token) == "paid"
    assert states(token) == PAID and taken(club_session) == 1 and mails() == ["confirmation"]


def test_wish_to_give_up_outlives_an_outage_of_stripe(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.fail("checkout.*", kind="500", times=3)
    assert ending.give_up(token) == "pending" and taken(club_session) == 1
    clock.advance(seconds=31)
    work()
    assert states(token) == ("cancelled", "cancelled", ["expired"]) and taken(club_session) == 0


def test_stripes_word_of_the_end_completes_a_wish_that_could_not_be_carried_out(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.fail("checkout.*", kind="500", times=3)
    ending.give_up(token)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    assert states(token) == ("cancelled", "cancelled", ["expired"]) and taken(club_session) == 0


def test_giving_up_paying_and_the_worker_at_the_same_moment_end_in_one_truth(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    clock.advance(minutes=30)
    at_once(app, lambda: ending.give_up(token), stripe_simulator.pay, work, lambda: ending.end_order(order_of(token).id))
    stripe_simulator.deliver()
    work()
    at_stripe = stripe_simulator.checkout()["payment_status"]
    if at_stripe == "paid":
        assert states(token) == PAID and taken(club_session) == 1
    else:
        assert states(token)[0] in ("cancelled", "expired") and taken(club_session) == 0 and balances() == {}


# --- Without any webhook -----------------------------------------------------------------------------------------------------


def test_payment_nobody_told_us_of_is_confirmed_within_a_minute(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.drop(None)
    clock.advance(minutes=10)
    work()
    stripe_simulator.pay()
    clock.advance(seconds=50)  # the scans come every ten seconds
    work()
    assert states(token) == PAID and mails() == ["confirmation"]


def test_open_checkout_is_looked_up_no_more_than_every_45_seconds(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session())
    for _ in range(9):
        clock.advance(seconds=10)
        work()
    assert operations(stripe_simulator).count("checkout.retrieve") == 1, "at 50 seconds, and not again before 95"


def test_attempt_that_died_before_stripe_was_called_is_taken_up_by_the_worker(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    """The process was killed between the commit and the call: the key makes the Checkout, and the person can go on."""
    club_session = make_club_session()
    token = registrations.register(club_session.slug, applicant()).order_token
    clock.advance(seconds=46)
    work()
    assert states(token) == HELD and the(Payment).checkout_url == stripe_simulator.checkout()["url"]
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert states(token) == PAID


def test_lost_answer_of_a_living_order_is_adopted_by_the_webhook_too(app: Flask, stripe_simulator: Any) -> None:
    """The process was killed after Stripe had answered and before the answer was stored."""
    token = registrations.register(make_club_session().slug, applicant()).order_token
    attempt = the(Payment)
    gateway().create_checkout(attempt.params, attempt.idempotency_key)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert states(token) == PAID and the(Payment).checkout_id == stripe_simulator.checkout()["id"]


def test_attempt_that_stripe_refuses_for_good_ends_with_its_hold(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = registrations.register(club_session.slug, applicant()).order_token
    clock.advance(minutes=31)  # its expires_at is now too near for Stripe, and was never sent
    work()
    assert states(token) == ("expired", "expired", ["failed"]) and taken(club_session) == 0
    assert stripe_simulator.control.sessions() == []


def test_checkout_that_stripe_has_forgotten_can_be_paid_by_nobody(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.simulator.core.store.remove("checkout.session", stripe_simulator.checkout()["id"])
    clock.advance(seconds=46)
    work()
    assert states(token) == ("pending", "held", ["failed"]) and taken(club_session) == 1, "the hold lasts as promised"
    clock.advance(minutes=30)
    work()
    assert states(token)[:2] == ("expired", "expired") and taken(club_session) == 0


def test_late_word_for_an_order_that_ended_frees_nothing_twice(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session(capacity=1)
    token = begin(club_session)
    made = stripe_simulator.checkout()
    clock.advance(minutes=31)
    work()
    begin(club_session)
    for _ in range(2):
        receive(event("checkout.session.expired", {**made, "status": "expired"}))
    assert taken(club_session) == 1 and states(token)[0] == "expired"
