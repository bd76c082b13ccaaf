"""A session is cancelled that is one line of orders of several: that line ends, is refunded and told of by itself, once.

What is not paid yet ends as a whole, through its Checkout; paid meanwhile, the line goes back and the rest is kept.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import AuditEntry, ClubSession, OutgoingEmail, Payment, Refund
from app.queries import desk_ending
from app.services import health_check, holds, refunds, winding_up
from tests.crashes.dying import Death, Fate
from tests.support.booking import at_once, balances, begin, do_not_pause, order_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.parts import REASON, STAFF, back_of, come, leave, line_of, paid, pay, states, text_of
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


@pytest.fixture
def two(app: Flask) -> tuple[ClubSession, ClubSession]:
    return make_club_session(title="Badminton"), make_club_session(title="Chess", non_member_price_cents=900)


def test_cancelled_session_ends_its_own_lines_alone(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    tokens = [paid(stripe_simulator, kept, gone) for _ in range(2)]
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    come(stripe_simulator)
    for token in tokens:
        assert states(token, kept, gone) == ["paid", "registered", "cancelled"]
    assert (taken(kept), taken(gone)) == (2, 0)
    assert back_of() == [(line_of(token, gone), 900) for token in tokens]
    for mail in all_of(OutgoingEmail, template="session_cancelled"):
        text = mail.text_body or ""
        assert "Chess" in text and "NZ$9.00" in text and "Badminton" not in text
        assert [file["type"].partition(";")[0] for file in mail.attachments] == ["text/calendar"], "its entry alone is struck out"
    assert health_check.findings() == []


def test_figures_of_each_cancelled_session_are_its_own(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    one, other = two
    token = paid(stripe_simulator, one, other, make_club_session())
    for session in two:
        winding_up.cancel_session(session.slug, STAFF, REASON)
        come(stripe_simulator)
    for session, cents in ((one, 1200), (other, 900)):
        ending = desk_ending.of_session(session.slug)
        assert ending is not None and (ending.told, ending.to_tell, ending.sent_back_cents) == (1, 1, cents)
    assert order_of(token).status == "paid" and health_check.findings() == []


def test_all_lines_cancelled_end_the_order(stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]) -> None:
    token = paid(stripe_simulator, *two)
    for session in two:
        winding_up.cancel_session(session.slug, STAFF, REASON)
    come(stripe_simulator)
    assert (order_of(token).status, sum(cents for _, cents in back_of()), balances()) == ("cancelled", 2100, {})
    assert [m.template for m in all_of(OutgoingEmail)] == ["confirmation", "session_cancelled", "session_cancelled"]


@pytest.mark.databases("sqlite")
def test_free_basket_loses_the_cancelled_line_alone(app: Flask) -> None:
    kept, gone = make_free_club_session(), make_free_club_session()
    token = leave(kept, gone)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    work()
    assert states(token, kept, gone) == ["paid", "registered", "cancelled"]


def test_unpaid_order_ends_as_a_whole_through_its_checkout_and_is_told_so(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession], pages: Any
) -> None:
    kept, gone = two
    token = leave(kept, gone)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    come(stripe_simulator)
    assert (order_of(token).status, taken(kept), taken(gone)) == ("cancelled", 0, 0)
    assert stripe_simulator.checkout()["status"] == "expired"
    text = text_of("session_cancelled")
    assert "Chess" in text and "Badminton" not in text
    assert "all of it has ended and nothing was charged. You can order the rest of it again." in text
    shown = pages.get(f"/orders/{token}").text
    assert "The club has cancelled “Chess”" in shown and "the rest of it has ended too" in shown
    assert (count_of(Refund), balances(), health_check.findings()) == (0, {}, [])
    assert desk_ending.of_session(gone.slug).told == 1  # type: ignore[union-attr]


@pytest.mark.databases("sqlite")
def test_one_booking_being_paid_is_told_that_nothing_was_charged(stripe_simulator: StripeSimulator, app: Flask) -> None:
    session = make_club_session()
    begin(session)
    winding_up.cancel_session(session.slug, STAFF, REASON)
    come(stripe_simulator)
    assert "You had not paid for it yet, so nothing was charged." in text_of("session_cancelled")


def test_unpaid_order_keeps_all_while_stripe_cannot_end_its_checkout(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_pause(monkeypatch)
    kept, gone = two
    token = leave(kept, gone)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    stripe_simulator.control.fail("checkout.*", "timeout", times=9, seconds=0)
    work()
    assert (order_of(token).status, taken(kept), taken(gone)) == ("pending", 1, 1), "it could still be paid"
    stripe_simulator.control.clear_faults()
    pay(stripe_simulator, token)
    clock.advance(minutes=1)
    come(stripe_simulator)
    assert_line_refunded_and_rest_kept(token, kept, gone)


def test_paid_in_the_meantime_gives_the_line_back_and_keeps_the_rest_with_one_mail(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = leave(kept, gone)
    pay(stripe_simulator, token)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    work()  # looks at Stripe's record before anybody delivers the event
    come(stripe_simulator)
    assert_line_refunded_and_rest_kept(token, kept, gone)


def assert_line_refunded_and_rest_kept(token: str, kept: ClubSession, gone: ClubSession) -> None:
    assert states(token, kept, gone) == ["paid", "registered", "cancelled"]
    assert (taken(kept), taken(gone), back_of()) == (1, 0, [(line_of(token, gone), 900)])
    [mail] = all_of(OutgoingEmail, order_id=order_of(token).id)
    text = mail.text_body or ""
    assert mail.template == "confirmation" and "Chess could not be had any more" in text and "NZ$9.00" in text
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200} and health_check.findings() == []


def test_two_sessions_wound_up_at_once_end_the_order_once(
    app: Flask, stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    token = paid(stripe_simulator, *two)
    for session in two:
        winding_up.cancel_session(session.slug, STAFF, REASON)
    outcomes = at_once(app, winding_up.wind_up, winding_up.wind_up, winding_up.wind_up)
    assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
    come(stripe_simulator)
    assert (order_of(token).status, sorted(cents for _, cents in back_of()), balances()) == ("cancelled", [900, 1200], {})
    assert len(all_of(AuditEntry, action="cancelled", subject_kind="order")) == 1
    assert [m.template for m in all_of(OutgoingEmail)].count("session_cancelled") == 2


@pytest.mark.parametrize("life", ["paid", "unpaid", "paying"])
def test_death_at_any_commit_of_winding_a_basket_up_is_survived(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock, life: str
) -> None:
    """The worker dies before and after each of its commits; what starts afterwards puts it right, and tells everybody once."""
    fate = Fate()
    with fate.over_commits():
        _begin(stripe_simulator, life)
        with fate.watching() as points:
            _workers_part()
        assert len(points) >= 4
        come(stripe_simulator)
        for number in range(len(points)):
            token, kept, gone = _begin(stripe_simulator, life)
            _die(fate, number)
            for seconds in (61, 360, 360):  # what the dead worker had claimed is free again
                clock.advance(seconds=seconds)
                come(stripe_simulator)
            _converged(token, kept, gone, life, f"{number} {points[number]}")
    assert health_check.findings() == []


def _begin(simulator: StripeSimulator, life: str) -> tuple[str, ClubSession, ClubSession]:
    kept, gone = make_club_session(title="Badminton"), make_club_session(title="Chess")
    token = leave(kept, gone)
    if life == "paid":
        pay(simulator, token)
        come(simulator)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    if life == "paying":
        pay(simulator, token)  # just now, and nobody has told us
    return token, kept, gone


def _workers_part() -> None:
    """The scans that end a session, without the mails that they owe."""
    winding_up.wind_up()
    holds.end_due_holds()
    refunds.send_due_refunds()
    winding_up.wind_up()


def _die(fate: Fate, number: int) -> None:
    with fate.watching(die_at=number):
        try:
            _workers_part()
        except Death:
            db.session.remove()


def _converged(token: str, kept: ClubSession, gone: ClubSession, life: str, where: str) -> None:
    order, had = order_of(token), life != "unpaid"
    assert states(token, kept, gone) == (["paid", "registered", "cancelled"] if had else ["cancelled"] * 3), where
    assert (taken(kept), taken(gone)) == (int(had), 0), where
    back = [r for r in all_of(Refund) if the(Payment, id=r.payment_id).order_id == order.id]
    assert [(r.order_item_id, r.amount_cents, r.status) for r in back] == (
        [(line_of(token, gone), 1200, "succeeded")] if had else []
    ), where
    told = {"paid": ["confirmation", "session_cancelled"], "unpaid": ["session_cancelled"], "paying": ["confirmation"]}
    assert [mail.template for mail in all_of(OutgoingEmail, order_id=order.id)] == told[life], where
    assert the(ClubSession, id=gone.id).wound_up_at is not None, where
