"""One line of an order of several ends: by staff, or because its session is cancelled. It alone is refunded; the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.extensions import db
from app.models import (
    AuditEntry,
    Case,
    ClubSession,
    Membership,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Refund,
    Registration,
)
from app.queries import desk_ending
from app.queries.memberships import Standing
from app.rules.statuses import ItemKind
from app.services import (
    adopted_refunds,
    baskets,
    cancelling,
    checkout,
    differences,
    health_check,
    holds,
    moving,
    refunds,
    retention,
    staff_actions,
    winding_up,
)
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from app.transaction import transaction
from tests.crashes.dying import Death, Fate
from tests.support.booking import at_once, balances, begin, do_not_pause, order_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_plan, make_user
from tests.support.rows import all_of, count_of, the
from tests.support.selling import address
from tests.support.stripe import StripeSimulator

STAFF, REASON = "user:1", "The hall is closed."


def leave(*sessions: ClubSession, member: bool = False, email: str = "") -> str:
    """Fill a basket with a place in each session (and a membership) and go as far as Stripe's page; the order's token."""
    token, email = None, email or address()
    buyer = Buyer("Ana Lee", email)
    lines = [Wanted(ItemKind.REGISTRATION, session.slug) for session in sessions]
    if member:
        person = make_user(email=email)
        buyer = Buyer(person.name, email, person.id, Standing(own_address=True))
        lines.append(Wanted(ItemKind.MEMBERSHIP, make_plan(price_cents=1500).slug))
    for line in lines:
        token = baskets.add(token, line, Buyer())
    assert token is not None
    return checkout.begin_basket(token, buyer, baskets.view(token, buyer).total_cents, f"form-{email}").order_token


def pay(simulator: StripeSimulator, token: str) -> str:
    simulator.pay(the(Payment, order_id=order_of(token).id).checkout_id)
    return token


def come(simulator: StripeSimulator) -> None:
    simulator.deliver()
    work()
    simulator.deliver()
    work()


def paid(simulator: StripeSimulator, *sessions: ClubSession, **more: Any) -> str:
    token = pay(simulator, leave(*sessions, **more))
    come(simulator)
    return token


def booking(token: str, session: ClubSession) -> Registration:
    return the(Registration, order_id=order_of(token).id, club_session_id=session.id)


def states(token: str, *sessions: ClubSession) -> list[str]:
    """How the order stands, and its booking of each session."""
    return [order_of(token).status.value, *(booking(token, session).status.value for session in sessions)]


def line_of(token: str, session: ClubSession) -> int:
    return the(OrderItem, registration_id=booking(token, session).id).id


def text_of(template: str) -> str:
    """What the one mail of a template says."""
    return the(OutgoingEmail, template=template).text_body or ""


def back_of() -> list[tuple[int | None, int]]:
    return [(refund.order_item_id, refund.amount_cents) for refund in all_of(Refund)]


@pytest.fixture
def two(app: Flask) -> tuple[ClubSession, ClubSession]:
    return make_club_session(title="Badminton"), make_club_session(title="Chess", non_member_price_cents=900)


# --- Staff cancel one booking -------------------------------------------------------------------------------------------------


def test_staff_cancel_one_booking_and_the_rest_goes_on(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = paid(stripe_simulator, kept, gone)
    assert staff_actions.cancel(booking(token, gone).token, 900, "Asked by phone", STAFF, once="a" * 20) == 900
    come(stripe_simulator)
    assert states(token, kept, gone) == ["paid", "registered", "cancelled"]
    assert (taken(kept), taken(gone), back_of()) == (1, 0, [(line_of(token, gone), 900)])
    assert (booking(token, gone).payment_status, booking(token, kept).payment_status) == ("refunded", "paid")
    text = text_of("refunded_cancelled")
    assert "Chess" in text and "NZ$9.00" in text and "Badminton" not in text
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200} and health_check.findings() == []
    staff_actions.cancel(booking(token, kept).token, 0, "Asked again", STAFF, once="b" * 20)
    assert order_of(token).status == "cancelled" and the(AuditEntry, action="cancelled", subject_kind="order").actor == STAFF


def test_membership_of_the_same_order_goes_on_without_its_booking(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    token = paid(stripe_simulator, two[0], member=True)
    staff_actions.cancel(booking(token, two[0]).token, 800, "Asked by phone", STAFF, once="a" * 20)
    come(stripe_simulator)
    assert (order_of(token).status, the(Membership).revoked_at, back_of()) == ("paid", None, [(line_of(token, two[0]), 800)])
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_order_ends_with_its_booking_when_the_membership_was_taken_back(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    token = paid(stripe_simulator, two[0], member=True)
    stripe_simulator.control.refund(stripe_simulator.control.payments()[-1]["id"], 2300)
    come(stripe_simulator)
    assert the(Membership).revoked_at is not None and order_of(token).status == "paid"
    staff_actions.cancel(booking(token, two[0]).token, 0, "All of it went back", STAFF, once="a" * 20)
    assert order_of(token).status == "cancelled"


@pytest.mark.databases("sqlite")
def test_letter_sent_again_says_what_there_is_now(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = paid(stripe_simulator, kept, gone)
    staff_actions.cancel(booking(token, gone).token, 900, "Asked by phone", STAFF, once="a" * 20)
    staff_actions.resend(booking(token, kept).token, STAFF, once="b" * 20)
    work()
    again = all_of(OutgoingEmail, template="confirmation")[-1]
    titles = [item["session"]["title"] for item in again.context["items"] if item["session"]]
    assert titles == ["Badminton"] and booking(token, gone).reference not in (again.text_body or "")


# --- A whole session is cancelled ---------------------------------------------------------------------------------------------


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


# --- What else happens to one line --------------------------------------------------------------------------------------------


def test_refund_made_at_stripe_after_a_line_ended_is_for_the_line_that_is_left(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = paid(stripe_simulator, kept, gone)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    come(stripe_simulator)
    stripe_simulator.control.refund(stripe_simulator.control.payments()[-1]["id"], 500)
    come(stripe_simulator)
    assert back_of() == [(line_of(token, gone), 900), (line_of(token, kept), 500)] and count_of(Case) == 0
    assert booking(token, kept).payment_status == "partially_refunded" and health_check.findings() == []


def test_session_cancelled_after_a_refund_at_stripe_that_staff_gave_to_its_line_owes_the_rest_of_it(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = paid(stripe_simulator, kept, gone)
    stripe_simulator.control.refund(stripe_simulator.control.payments()[-1]["id"], 400)
    come(stripe_simulator)
    adopted_refunds.attribute(the(Case).id, line_of(token, gone), STAFF)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    come(stripe_simulator)
    assert back_of() == [(line_of(token, gone), 400), (line_of(token, gone), 500)]
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200} and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_dispute_of_an_order_with_an_ended_line_holds_back_the_money_and_ends_nothing(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession]
) -> None:
    kept, gone = two
    token = paid(stripe_simulator, kept, gone)
    winding_up.cancel_session(gone.slug, STAFF, REASON)
    come(stripe_simulator)
    stripe_simulator.control.dispute(stripe_simulator.control.payments()[-1]["id"])
    come(stripe_simulator)
    assert (the(Case).kind, booking(token, kept).status, order_of(token).status) == ("dispute_opened", "registered", "paid")
    assert health_check.findings() == []


def test_somebody_takes_the_place_of_one_line_and_that_line_goes_back(stripe_simulator: StripeSimulator, app: Flask) -> None:
    kept = make_club_session(title="Badminton")
    gone = make_club_session(title="Chess", capacity=1, refund_policy="none")
    token = paid(stripe_simulator, kept, gone)
    cancelling.cancel_order(token, when_replaced=True, booking=booking(token, gone).token)
    assert (order_of(token).status, count_of(Refund)) == ("paid", 0)
    begin(gone)
    stripe_simulator.pay()
    come(stripe_simulator)
    assert back_of() == [(line_of(token, gone), 1200)] and order_of(token).status == "paid"
    assert "Chess" in text_of("replaced") and "Badminton" not in text_of("replaced")


def _move(token: str, session: ClubSession) -> None:
    other = make_club_session(title="Draughts", non_member_price_cents=500)
    settlement = differences.Settlement(differences.Settling.REFUND, "Asked", "a" * 20, -400)
    moving.move(booking(token, session).token, other.slug, settlement, STAFF)


def _fewer(token: str, session: ClubSession) -> None:
    settlement = differences.Settlement(differences.Settling.WAIVE, "Asked", "a" * 20, 900)
    moving.change_places(booking(token, session).token, 2, settlement, STAFF)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("change", "template", "back"), [(_move, "moved", [400]), (_fewer, "booking_changed", [])], ids=["moved", "places"]
)
def test_changed_line_is_refunded_and_told_by_itself(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession], change: Callable[..., None], template: str,
    back: list[int],
) -> None:  # fmt: skip
    kept, changed = two
    token = paid(stripe_simulator, kept, changed)
    item_id = line_of(token, changed)
    change(token, changed)
    come(stripe_simulator)
    assert back_of() == [(item_id, cents) for cents in back] and booking(token, kept).payment_status == "paid"
    assert "Badminton" not in text_of(template) and health_check.findings() == []


# --- Forgetting ---------------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_order_is_forgotten_with_its_last_booking(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession], clock: FakeClock
) -> None:
    early, late = two
    with transaction() as session:
        onward = {"starts_at": late.starts_at + timedelta(days=90), "ends_at": late.ends_at + timedelta(days=90)}
        session.execute(update(ClubSession).where(ClubSession.id == late.id).values(onward))
    token = paid(stripe_simulator, early, late, email="ana.lee@example.org")
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 1
    assert (order_of(token).name, booking(token, early).name, booking(token, late).name) == ("Ana Lee", "(forgotten)", "Ana Lee")
    clock.advance(days=90)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and count_of(OutgoingEmail) == 0
    assert the(Payment).params == {} and retention.purge() == 0 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_order_without_a_booking_is_forgotten_long_after_what_it_bought(
    stripe_simulator: StripeSimulator, app: Flask, clock: FakeClock
) -> None:
    plan, email = make_plan(price_cents=1500), "ana.lee@example.org"
    token = checkout.begin_membership(plan.slug, Joiner("Ana Lee", email, 1500, "joins")).order_token
    pay(stripe_simulator, token)
    come(stripe_simulator)
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 0 and order_of(token).name == "Ana Lee", "the membership ended less than two years ago"
    clock.advance(days=366)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and order.total_cents == 1500
    assert (the(Payment).params, count_of(OutgoingEmail), retention.purge()) == ({}, 0, 0)
    assert the(AuditEntry, action="forgotten").subject_kind == "order" and count_of(Order) == 1
