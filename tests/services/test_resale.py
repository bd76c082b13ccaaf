""" "Refund me if someone takes my place": the refund goes out when the replacement has paid, once, oldest wish first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Order, Refund, Registration
from app.rules.statuses import WaitlistPayment
from app.services import cancelling, checkout, moving, offers
from app.services.differences import Settlement, Settling
from tests.support.booking import balances, begin, mails, order_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def paid(simulator: Any, club_session: ClubSession, **changes: Any) -> str:
    token = begin(club_session, **changes)
    simulator.pay()
    simulator.deliver()
    return token


def sold_out(simulator: Any, clock: FakeClock, places: int = 1, **changes: Any) -> tuple[ClubSession, list[str]]:
    """A full session, too late for a refund."""
    club_session = make_club_session(capacity=places, waitlist_capacity=8, **changes)
    tokens = [paid(simulator, club_session) for _ in range(places)]
    clock.advance(days=6, hours=1)
    return club_session, tokens


def test_replacement_who_pays_sends_the_refund_out(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session, [leaver] = sold_out(stripe_simulator, clock)
    assert cancelling.cancel_order(leaver, when_replaced=True) == 0
    assert booking(leaver).replacement_wanted_at == clock.now and count_of(Refund) == 0
    replacement = begin(club_session)
    work()
    assert count_of(Refund) == 0, "a hold is not yet a replacement"
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    assert (the(Refund).amount_cents, the(Refund).status, the(Refund).reason) == (1200, "succeeded", "replaced")
    assert booking(leaver).payment_status == "refunded" and booking(replacement).status == "registered"
    assert mails().count("replaced") == 1 and balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}


def test_without_the_wish_a_late_cancellation_pays_nothing_back(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session, [leaver] = sold_out(stripe_simulator, clock)
    cancelling.cancel_order(leaver)
    paid(stripe_simulator, club_session)
    work()
    assert count_of(Refund) == 0 and mails().count("replaced") == 0


def test_in_time_the_terms_pay_at_once_and_no_wish_is_kept(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1)
    leaver = paid(stripe_simulator, club_session)
    assert cancelling.cancel_order(leaver, when_replaced=True) == 1200
    assert booking(leaver).replacement_wanted_at is None
    paid(stripe_simulator, club_session)
    assert count_of(Refund) == 1


def test_replacement_from_the_waitlist_counts_when_it_has_paid(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session, [leaver] = sold_out(stripe_simulator, clock)
    waiting = begin(club_session, accept_waitlist=True)
    cancelling.cancel_order(leaver, when_replaced=True)
    work()
    offers.accept(booking(waiting).token)
    checkout.pay(waiting)
    assert count_of(Refund) == 0
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert the(Refund).reason == "replaced" and booking(waiting).status == "registered"


def test_replacement_who_had_paid_upfront_counts_at_once(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """They are promoted in the very transaction of the cancellation."""
    club_session, [leaver] = sold_out(stripe_simulator, clock, waitlist_payment=WaitlistPayment.UPFRONT)
    waiting = paid(stripe_simulator, club_session, accept_waitlist=True)
    cancelling.cancel_order(leaver, when_replaced=True)
    assert booking(waiting).status == "registered" and the(Refund).reason == "replaced"
    assert booking(leaver).replacement_wanted_at is None


def test_replacement_who_gives_up_is_none(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session, [leaver] = sold_out(stripe_simulator, clock)
    cancelling.cancel_order(leaver, when_replaced=True)
    begin(club_session)
    clock.advance(minutes=31)
    work()
    assert taken(club_session) == 0 and count_of(Refund) == 0
    assert booking(leaver).replacement_wanted_at is not None


def test_first_to_ask_is_first_refunded(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session, [first, second] = sold_out(stripe_simulator, clock, places=2)
    cancelling.cancel_order(first, when_replaced=True)
    clock.advance(minutes=1)
    cancelling.cancel_order(second, when_replaced=True)
    paid(stripe_simulator, club_session)
    assert [entry.subject_id for entry in all_of(AuditEntry, action="replaced")] == [booking(first).id]
    paid(stripe_simulator, club_session)
    assert [entry.subject_id for entry in all_of(AuditEntry, action="replaced")] == [booking(first).id, booking(second).id]
    work()
    assert [refund.status for refund in all_of(Refund)] == ["succeeded", "succeeded"]


def test_free_replacement_counts_too(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """A member who pays nothing sits on the place all the same."""
    club_session, [leaver] = sold_out(stripe_simulator, clock, member_price_cents=0)
    waiting = begin(club_session, accept_waitlist=True)
    cancelling.cancel_order(leaver, when_replaced=True)
    assert booking(waiting).status == "offered" and count_of(Refund) == 0
    offers.decline(booking(waiting).token)
    paid(stripe_simulator, club_session)
    assert the(Refund).reason == "replaced"


@pytest.mark.parametrize("how", [Settling.CASH, Settling.WAIVE, Settling.LINK])
def test_places_added_to_another_booking_are_a_replacement_once_nothing_is_owed_for_them(
    app: Flask, stripe_simulator: Any, clock: FakeClock, how: Settling
) -> None:
    club_session, [leaver, stays] = sold_out(stripe_simulator, clock, places=2)
    cancelling.cancel_order(leaver, when_replaced=True)
    pay_by = clock.now + timedelta(hours=1) if how is Settling.LINK else None
    moving.change_places(booking(stays).token, 2, Settlement(how, "Brings a friend", "p" * 20, 1200, pay_by=pay_by), "user:1")
    if how is Settling.LINK:
        assert count_of(Refund) == 0, "places that are not paid yet are no replacement"
        checkout.pay(all_of(Order)[-1].token)
        stripe_simulator.pay()
        stripe_simulator.deliver()
    assert (the(Refund).reason, the(Refund).amount_cents, taken(club_session)) == ("replaced", 1200, 2)
    assert booking(leaver).replacement_wanted_at is None
