"""The terms that a session publishes are the ones that are said before paying, in the mail, and kept when somebody cancels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession, OutgoingEmail, Refund, Registration
from app.queries import orders as order_pages
from app.rules.statuses import RefundPolicy
from app.services import cancelling
from tests.support.booking import balances, begin, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

POLICIES = [
    (RefundPolicy.FULL, {}, 1200), (RefundPolicy.PERCENTAGE, {"refund_percent": 25}, 300),
    (RefundPolicy.FEE_KEPT, {"refund_fee_cents": 200}, 1000), (RefundPolicy.NONE, {}, 0),
]  # fmt: skip


def paid(simulator: Any, club_session: ClubSession, **changes: Any) -> str:
    token = begin(club_session, **changes)
    simulator.pay()
    simulator.deliver()
    return token


@pytest.mark.parametrize(("policy", "terms", "back"), POLICIES, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_cancelling_keeps_the_sessions_word(
    app: Flask, stripe_simulator: Any, policy: RefundPolicy, terms: dict[str, int], back: int
) -> None:
    token = paid(stripe_simulator, make_club_session(refund_policy=policy, **terms))
    view = order_pages.page(token)
    assert view is not None and view.items[0].registration is not None
    assert view.items[0].registration.refund_terms.back_cents(1200) == back, "what the page says is what is done"
    assert cancelling.cancel_order(token) == back
    work()
    assert sum(refund.amount_cents for refund in all_of(Refund)) == back
    kept = {"stripe:clearing": 1200 - back, "revenue:registration": back - 1200} if back < 1200 else {}
    assert balances() == kept
    state = {1200: "refunded", 0: "paid"}.get(back, "partially_refunded")
    assert the(Registration).payment_status == state


def test_mail_says_the_terms_that_held_when_it_was_paid(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(refund_policy=RefundPolicy.PERCENTAGE, refund_percent=25)
    paid(stripe_simulator, club_session)
    [said] = [m.context["items"][0]["session"]["refund_terms"] for m in all_of(OutgoingEmail) if m.template == "confirmation"]
    assert (said["policy"], said["percent"]) == ("percentage", 25)
    assert club_session.refund_until is not None and said["until"] == club_session.refund_until.isoformat()


@pytest.mark.parametrize(("late", "back"), [(timedelta(0), 1200), (timedelta(seconds=1), 0)])
def test_until_is_to_the_second(app: Flask, stripe_simulator: Any, clock: FakeClock, late: timedelta, back: int) -> None:
    club_session = make_club_session()
    token = paid(stripe_simulator, club_session)
    assert club_session.refund_until is not None
    clock.set(club_session.refund_until + late)
    assert cancelling.cancel_order(token) == back
    assert count_of(Refund) == (1 if back else 0)


def test_group_gets_back_for_all_its_places_and_the_fee_is_kept_once(app: Flask, stripe_simulator: Any) -> None:
    token = paid(stripe_simulator, make_club_session(refund_policy=RefundPolicy.FEE_KEPT, refund_fee_cents=200), places=3)
    assert order_of(token).total_cents == 3600 and cancelling.cancel_order(token) == 3400


def test_what_went_back_in_the_dashboard_does_not_go_back_again(app: Flask, stripe_simulator: Any) -> None:
    token = paid(stripe_simulator, make_club_session())
    stripe_simulator.control.refund(stripe_simulator.checkout()["id"], 500)
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 700
    work()
    assert sorted(r["amount"] for r in stripe_simulator.control.refunds()) == [500, 700]
    assert the(Registration).payment_status == "refunded" and balances() == {}
