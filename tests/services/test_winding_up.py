"""A whole session is cancelled: held and being paid, registered, waiting, offered, and money that arrives after; once each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import AuditEntry, ClubSession, Order, OutgoingEmail, Payment, Refund, Registration
from app.rules.refusals import InvalidInput, OfferOver, OrderNotOpen, SessionCancelled, SessionNotFound
from app.rules.statuses import ACTIVE, SessionStatus, WaitlistPayment
from app.services import cancelling, checkout, ending, holds, offers, refunds, winding_up
from tests.support.booking import at_once, balances, begin, do_not_pause, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.killing import Killed, killing
from tests.support.rows import all_of, count_of, the

REASON = "The hall is closed."


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def paid(simulator: Any, club_session: ClubSession, **changes: Any) -> str:
    token = begin(club_session, **changes)
    simulator.pay()
    simulator.deliver()
    return token


def everything(simulator: Any) -> tuple[ClubSession, dict[str, str]]:
    """A session with somebody in each state; the orders by name."""
    club_session = make_club_session(capacity=4, waitlist_capacity=8)
    orders = {"registered": paid(simulator, club_session), "leaver": paid(simulator, club_session)}
    orders["holding"] = begin(club_session)
    orders["paying"] = begin(club_session)
    orders["offered"] = begin(club_session, accept_waitlist=True)
    orders["waiting"] = begin(club_session, accept_waitlist=True)
    cancelling.cancel_order(orders["leaver"])
    assert [booking(orders[name]).status for name in ("holding", "paying", "offered", "waiting")] == [
        "held", "held", "offered", "waitlisted",
    ]  # fmt: skip
    return club_session, orders


def checkout_of(simulator: Any, token: str) -> str:
    reference = order_of(token).reference
    return str(next(s["id"] for s in simulator.control.sessions() if s["client_reference_id"] == reference))


def told(orders: dict[str, str]) -> dict[str, list[str]]:
    """The mails that each got, but for those that led here."""
    before = {"confirmation", "waitlisted", "offer"}
    return {
        name: [m.template for m in all_of(OutgoingEmail, order_id=order_of(token).id) if m.template not in before]
        for name, token in orders.items()
    }


def assert_wound_up(club_session: ClubSession) -> None:
    now = the(ClubSession, id=club_session.id)
    assert (now.status, now.places_taken, now.waitlist_taken) == ("cancelled", 0, 0) and now.wound_up_at is not None
    assert not [r for r in all_of(Registration) if r.status in ACTIVE]
    assert not [o for o in all_of(Order) if o.status == "pending"]
    assert set(Counter(mail.dedupe_key for mail in all_of(OutgoingEmail)).values()) == {1}


def test_cancelled_session_ends_everybody_once(app: Flask, stripe_simulator: Any) -> None:
    club_session, orders = everything(stripe_simulator)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    stripe_simulator.pay(checkout_of(stripe_simulator, orders["paying"]))  # just now, and nobody has told us
    for _ in range(3):
        work()
    stripe_simulator.deliver()
    work()
    assert_wound_up(club_session)
    assert {s["status"] for s in stripe_simulator.control.sessions()} == {"complete", "expired"}
    back = {name: given_back(token) for name, token in orders.items()}
    assert back == {"registered": 1200, "leaver": 1200, "holding": 0, "paying": 1200, "offered": 0, "waiting": 0}
    assert {refund.status for refund in all_of(Refund)} == {"succeeded"} and balances() == {}
    letters = told(orders)
    assert letters["registered"] == letters["offered"] == letters["waiting"] == ["session_cancelled"]
    assert letters["paying"] == ["refunded_cancelled"]
    assert letters["leaver"] == ["refunded_cancelled"]


def given_back(token: str) -> int:
    payments = [payment.id for payment in all_of(Payment, order_id=order_of(token).id)]
    return sum(refund.amount_cents for refund in all_of(Refund) if refund.payment_id in payments)


def test_nobody_gets_in_any_more(app: Flask, stripe_simulator: Any) -> None:
    club_session, orders = everything(stripe_simulator)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    with pytest.raises(SessionCancelled):
        begin(club_session)
    work()
    with pytest.raises(OfferOver):
        offers.accept(booking(orders["offered"]).token)
    assert taken(club_session) == 0


def test_session_is_cancelled_once_and_its_reason_is_on_record(app: Flask) -> None:
    club_session = make_free_club_session()
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    with pytest.raises(InvalidInput):
        winding_up.cancel_session(club_session.slug, "user:2", "Again.")
    with pytest.raises(SessionNotFound):
        winding_up.cancel_session("no-such-session", "user:1", REASON)
    assert the(ClubSession).cancel_reason == REASON
    assert the(AuditEntry, subject_kind="club_session", action="cancelled").actor == "user:1"


def test_late_money_after_everything_was_wound_up_goes_back(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """Stripe could not be told to end the Checkout in time, and somebody paid it."""
    club_session = make_club_session()
    token = begin(club_session)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    stripe_simulator.control.fail("checkout.*", "timeout", times=9, seconds=0)
    work()
    assert states(token)[:2] == ("pending", "held"), "kept while it can still be paid"
    stripe_simulator.control.clear_faults()
    stripe_simulator.pay()
    clock.advance(minutes=1)
    work()
    assert_wound_up(club_session)
    assert states(token)[:2] == ("cancelled", "cancelled") and the(Refund).amount_cents == 1200
    assert mails().count("refunded_cancelled") == 1
    stripe_simulator.deliver()
    work()
    assert count_of(Refund) == 1 and balances() == {}


def test_paid_upfront_and_waiting_is_refunded_in_full(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(
        capacity=1, waitlist_capacity=4, waitlist_payment=WaitlistPayment.UPFRONT, refund_policy="none"
    )
    paid(stripe_simulator, club_session)
    waiting = paid(stripe_simulator, club_session, accept_waitlist=True)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    work()
    assert_wound_up(club_session)
    assert booking(waiting).payment_status == "refunded" and [r.amount_cents for r in all_of(Refund)] == [1200, 1200]


def the_workers_part() -> None:
    """The scans that end a session, without the mails that they owe (their own deaths: test_outbox)."""
    winding_up.wind_up()
    holds.end_due_holds()
    refunds.send_due_refunds()
    winding_up.wind_up()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_commit_it_resumes_and_tells_nobody_twice(
    app: Flask, stripe_simulator: Any, clock: FakeClock, after: bool
) -> None:
    for nth in range(1, 40):
        club_session, orders = everything(stripe_simulator)
        winding_up.cancel_session(club_session.slug, "user:1", REASON)
        died = False
        with killing(nth, after=after):
            try:
                the_workers_part()
            except Killed:
                died = True
        db.session.remove()
        clock.advance(minutes=6)  # what the dead worker had claimed is free again
        work()
        stripe_simulator.deliver()
        work()
        assert_wound_up(club_session)
        letters = told(orders)
        assert letters["registered"] == letters["offered"] == letters["waiting"] == ["session_cancelled"]
        if not died:
            break
    assert not died, "every commit of the winding up was tried"
    assert all(refund.status == "succeeded" for refund in all_of(Refund)) and balances() == {}


def test_two_workers_wind_up_at_once_and_everybody_is_told_once(app: Flask, stripe_simulator: Any) -> None:
    club_session, orders = everything(stripe_simulator)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    outcomes = at_once(app, winding_up.wind_up, winding_up.wind_up, lambda: ending.give_up(orders["holding"]))
    assert not [o for o in outcomes if isinstance(o, Exception) and type(o).__name__ not in ("OrderNotOpen",)]
    work()
    stripe_simulator.deliver()
    work()
    assert_wound_up(club_session)
    assert sum(refund.amount_cents for refund in all_of(Refund)) == 2400


def test_cancelled_session_cannot_be_paid_for(app: Flask, stripe_simulator: Any) -> None:
    club_session, orders = everything(stripe_simulator)
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    work()
    with pytest.raises(OrderNotOpen):
        checkout.pay(orders["holding"])
    assert stripe_simulator.pay(checkout_of(stripe_simulator, orders["holding"])).outcome == "not_open"
    assert the(ClubSession).status is SessionStatus.CANCELLED


def test_holds_that_wait_for_stripe_keep_nobody_behind_them_from_being_told(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winding_up, "BATCH", 2)
    club_session = make_club_session(capacity=5)
    holding = [begin(club_session) for _ in range(3)]
    registered = [paid(stripe_simulator, club_session) for _ in range(2)]
    winding_up.cancel_session(club_session.slug, "user:1", REASON)
    stripe_simulator.control.fail("*", "timeout", times=99, seconds=0)
    work()
    assert told({token: token for token in registered}) == dict.fromkeys(registered, ["session_cancelled"])
    assert taken(club_session) == 3 and the(ClubSession, id=club_session.id).wound_up_at is None, "these may still be paid"
    assert {order_of(token).cancel_requested_at is not None for token in holding} == {True}
