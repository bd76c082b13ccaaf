"""The waitlist: joining says the position, each freed place is dealt in the same transaction, first in first served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import clock
from app.models import AuditEntry, ClubSession, OutgoingEmail, Refund, Registration
from app.queries import orders as order_pages
from app.rules.refusals import WaitlistNotAccepted
from app.rules.statuses import WaitlistPayment
from app.services import cancelling, club_sessions, ending, out_of_turn, staff_actions, waitlist, winding_up
from app.services.club_session_fields import NAMES, ClubSessionFields
from app.services.out_of_turn import OutOfTurn, Way
from tests.support.booking import begin, mails, order_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_membership, make_user
from tests.support.rows import all_of, count_of, the


def full(**changes: Any) -> tuple[ClubSession, str]:
    """A free session whose only place is taken, with a waitlist; and the order that took it."""
    club_session = make_free_club_session(**{"capacity": 1, "waitlist_capacity": 8, **changes})
    return club_session, begin(club_session, expected_price_cents=0)


def wait(club_session: ClubSession, **changes: Any) -> str:
    return begin(club_session, **{"expected_price_cents": 0, "accept_waitlist": True, **changes})


def booking(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def position(token: str) -> int | None:
    view = order_pages.page(token)
    assert view is not None and view.items[0].registration is not None
    return view.items[0].registration.waitlist_position


def change(club_session: ClubSession, **changes: Any) -> None:
    now = the(ClubSession, id=club_session.id)
    fields = ClubSessionFields(**{name: getattr(now, name) for name in NAMES})
    club_sessions.edit(now.slug, replace(fields, **changes), "user:1")


def test_joining_says_the_position_and_leaving_moves_the_others_up(app: Flask) -> None:
    club_session, _ = full()
    first, second, third = (wait(club_session) for _ in range(3))
    assert [position(token) for token in (first, second, third)] == [1, 2, 3]
    letters = [mail for mail in all_of(OutgoingEmail) if mail.template == "waitlisted"]
    assert [mail.context["items"][0]["session"]["waitlist_position"] for mail in letters] == [1, 2, 3]
    cancelling.cancel_order(second)
    assert (position(first), position(third)) == (1, 2)
    assert the(ClubSession).waitlist_taken == 2 and states(second)[:2] == ("cancelled", "cancelled")


def test_cancelled_place_is_offered_to_the_first_in_the_same_transaction(app: Flask) -> None:
    club_session, token = full()
    first, second = wait(club_session), wait(club_session)
    cancelling.cancel_order(token)
    assert [booking(t).status for t in (first, second)] == ["offered", "waitlisted"]
    assert taken(club_session) == 1 and the(ClubSession).waitlist_taken == 1
    assert mails().count("offer") == 1 and the(AuditEntry, action="offered").subject_id == booking(first).id


def test_given_up_hold_is_offered_to_the_first(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=8)
    token = begin(club_session)
    first = wait(club_session, expected_price_cents=1200)
    ending.give_up(token)
    assert (states(token)[1], booking(first).status, taken(club_session)) == ("cancelled", "offered", 1)


def test_hold_that_runs_out_is_offered_to_the_first(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session(capacity=1, waitlist_capacity=8)
    token = begin(club_session)
    first = wait(club_session, expected_price_cents=1200)
    clock.advance(minutes=31)
    work()
    assert (states(token)[1], booking(first).status, taken(club_session)) == ("expired", "offered", 1)


def test_raised_capacity_is_dealt_at_once_and_as_far_as_it_goes(app: Flask) -> None:
    club_session, _ = full()
    waiting = [wait(club_session) for _ in range(3)]
    change(club_session, capacity=3)
    assert [booking(token).status for token in waiting] == ["offered", "offered", "waitlisted"]
    assert taken(club_session) == 3


def test_free_place_is_not_sold_past_somebody_who_waits(app: Flask) -> None:
    """A group of two waits beside one free place: whoever comes next waits too, and is dealt it under the published rule."""
    club_session, _ = full()
    group = wait(club_session, places=2)
    change(club_session, capacity=2)
    assert taken(club_session) == 1 and booking(group).status == "waitlisted"
    with pytest.raises(WaitlistNotAccepted):
        begin(club_session, expected_price_cents=0)
    alone = wait(club_session)
    assert booking(alone).status == "offered" and booking(group).status == "waitlisted"


def test_group_that_does_not_fit_is_skipped_with_the_reason_and_keeps_its_turn(app: Flask) -> None:
    club_session, token = full()
    group, alone, later = wait(club_session, places=2), wait(club_session), wait(club_session)
    cancelling.cancel_order(token)
    assert [booking(t).status for t in (group, alone, later)] == ["waitlisted", "offered", "waitlisted"]
    entry = the(AuditEntry, action="passed_over", subject_id=booking(group).id)
    assert entry.detail == {"reason": "group_does_not_fit", "free": 1, "places": 2}
    change(club_session, capacity=3)
    assert [booking(t).status for t in (group, alone, later)] == ["offered", "offered", "waitlisted"]


def test_skipping_is_recorded_once_however_often_the_worker_looks(app: Flask, clock: FakeClock) -> None:
    club_session, _ = full()
    wait(club_session, places=2)
    change(club_session, capacity=2)
    for _ in range(3):
        clock.advance(seconds=10)
        work()
    assert count_of(AuditEntry, action="passed_over") == 1


@pytest.mark.parametrize(("members_first", "served"), [(False, 0), (True, 1)])
def test_members_are_first_where_the_session_says_so(app: Flask, members_first: bool, served: int) -> None:
    club_session, token = full(waitlist_members_first=members_first)
    member = make_user(email="member@example.org")
    make_membership(member)
    waiting = [wait(club_session), wait(club_session, email=member.email, user_id=member.id)]
    assert position(waiting[served]) == 1
    cancelling.cancel_order(token)
    assert booking(waiting[served]).status == "offered" and booking(waiting[1 - served]).status == "waitlisted"


# --- Paid upfront ------------------------------------------------------------------------------------------------------------


def upfront(**changes: Any) -> ClubSession:
    values = {"capacity": 1, "waitlist_capacity": 8, "waitlist_payment": WaitlistPayment.UPFRONT, **changes}
    return make_club_session(**values)


def paid(simulator: Any, club_session: ClubSession, **changes: Any) -> str:
    token = begin(club_session, accept_waitlist=True, **changes)
    simulator.pay()
    simulator.deliver()
    return token


def test_upfront_pays_on_joining_and_is_promoted_without_a_step(app: Flask, stripe_simulator: Any) -> None:
    club_session = upfront()
    holder = paid(stripe_simulator, club_session)
    waiting = begin(club_session, accept_waitlist=True)
    assert (booking(waiting).status, booking(waiting).payment_status) == ("waitlisted", "pending")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert (booking(waiting).status, booking(waiting).payment_status, position(waiting)) == ("waitlisted", "paid", 1)
    assert mails() == ["confirmation", "waitlisted"], "nothing calls it confirmed before there is a place"
    cancelling.cancel_order(holder)
    assert (booking(waiting).status, booking(waiting).payment_status, taken(club_session)) == ("registered", "paid", 1)
    assert sorted(mails()[2:]) == ["confirmation", "refunded_cancelled"]


def test_upfront_who_was_given_a_part_back_is_promoted_all_the_same(app: Flask, stripe_simulator: Any) -> None:
    club_session = upfront()
    holder, waiting = paid(stripe_simulator, club_session), paid(stripe_simulator, club_session)
    staff_actions.refund(booking(waiting).token, 200, "a kindness", "user:1", once="a" * 20)
    work()
    assert booking(waiting).payment_status == "partially_refunded"
    cancelling.cancel_order(holder)
    assert (booking(waiting).status, booking(waiting).payment_status) == ("registered", "partially_refunded")
    assert taken(club_session) == 1 and the(ClubSession).waitlist_taken == 0
    assert mails().count("confirmation") == 2


def test_upfront_who_was_given_a_part_back_can_be_served_out_of_turn(app: Flask, stripe_simulator: Any) -> None:
    club_session = upfront()
    _, waiting = paid(stripe_simulator, club_session), paid(stripe_simulator, club_session)
    staff_actions.refund(booking(waiting).token, 200, "a kindness", "user:1", once="a" * 20)
    work()
    wish = OutOfTurn(Way.PROMOTE, "The coach asked for them", "b" * 20, overbook_to=2)
    assert out_of_turn.serve(booking(waiting).token, wish, "user:1")
    assert (booking(waiting).status, taken(club_session)) == ("registered", 2)


def test_upfront_who_pays_while_a_place_is_free_is_confirmed_once(app: Flask, stripe_simulator: Any) -> None:
    club_session = upfront()
    holder = paid(stripe_simulator, club_session)
    waiting = begin(club_session, accept_waitlist=True)
    cancelling.cancel_order(holder)
    assert booking(waiting).status == "waitlisted", "who has not paid is not promoted"
    with pytest.raises(WaitlistNotAccepted):
        begin(club_session)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert booking(waiting).status == "registered"
    mine = [mail.template for mail in all_of(OutgoingEmail, order_id=order_of(waiting).id)]
    assert mine == ["confirmation"]


def test_upfront_leaves_and_gets_everything_back(app: Flask, stripe_simulator: Any) -> None:
    club_session = upfront(refund_policy="none")
    paid(stripe_simulator, club_session)
    waiting = paid(stripe_simulator, club_session)
    assert cancelling.cancel_order(waiting) == 1200, "the terms are for places, not for waiting"
    work()
    assert the(Refund).status == "succeeded" and booking(waiting).payment_status == "refunded"


def test_upfront_is_refunded_in_full_when_the_session_starts_without_them(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session = upfront()
    paid(stripe_simulator, club_session)
    waiting = paid(stripe_simulator, club_session)
    clock.set(club_session.starts_at)
    work()
    assert (booking(waiting).status, booking(waiting).payment_status) == ("expired", "refunded")
    assert the(Refund).amount_cents == 1200 and mails().count("waitlist_over") == 1
    assert the(ClubSession).waitlist_taken == 0 and taken(club_session) == 1
    work()
    assert count_of(Refund) == 1 and mails().count("waitlist_over") == 1


def test_upfront_who_never_pays_leaves_the_list_with_the_hold(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = upfront()
    paid(stripe_simulator, club_session)
    waiting = begin(club_session, accept_waitlist=True)
    clock.advance(minutes=31)
    work()
    assert booking(waiting).status == "expired" and the(ClubSession).waitlist_taken == 0


def test_changing_how_the_list_is_paid_leaves_nobody_stuck(app: Flask, stripe_simulator: Any) -> None:
    """Who joined while nobody paid upfront is offered the place, although the session now asks for payment on joining."""
    club_session = upfront(waitlist_payment=WaitlistPayment.ON_OFFER)
    holder = paid(stripe_simulator, club_session)
    waiting = begin(club_session, accept_waitlist=True)
    change(club_session, waitlist_payment=WaitlistPayment.UPFRONT)
    cancelling.cancel_order(holder)
    assert booking(waiting).status == "offered"


def test_who_waits_in_vain_is_told_at_the_start(app: Flask, clock: FakeClock) -> None:
    club_session, _ = full()
    waiting = wait(club_session)
    clock.set(club_session.starts_at)
    work()
    assert states(waiting)[:2] == ("expired", "expired") and mails().count("waitlist_over") == 1
    assert [entry.subject_kind for entry in all_of(AuditEntry, action="expired")] == ["registration", "order"]


def test_scan_deals_what_a_transaction_forgot(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    club_session, token = full()
    first = wait(club_session)
    with monkeypatch.context() as forgetful:
        forgetful.setattr("app.services.waitlist.deal", lambda *_, **__: 0)
        cancelling.cancel_order(token)
    assert booking(first).status == "waitlisted"
    assert winding_up.deal_free_places() == 1 and booking(first).status == "offered"
    assert booking(first).offer_expires_at is not None and booking(first).offer_expires_at > clock.now() + timedelta(hours=1)


def test_scan_deals_on_when_one_session_fails(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    deal, sessions = waitlist.deal, [full(), full()]
    waiting = [wait(club_session) for club_session, _ in sessions]
    with monkeypatch.context() as forgetful:
        forgetful.setattr("app.services.waitlist.deal", lambda *_, **__: 0)
        for _, token in sessions:
            cancelling.cancel_order(token)

    def broken(db: Session, club_session_id: int, actor: str) -> int:
        if club_session_id == sessions[0][0].id:
            raise AssertionError("a place that was free under the lock is gone")
        return deal(db, club_session_id, actor)

    monkeypatch.setattr("app.services.waitlist.deal", broken)
    assert winding_up.deal_free_places() == 1
    assert [booking(token).status for token in waiting] == ["waitlisted", "offered"]
