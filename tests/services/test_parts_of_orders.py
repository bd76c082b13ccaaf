"""One booking of an order of several ends or changes, by staff or otherwise: it alone is refunded, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from app.models import AuditEntry, Case, ClubSession, Membership, OutgoingEmail, Refund
from app.rules.statuses import Role
from app.services import adopted_refunds, cancelling, differences, health_check, moving, staff_actions, winding_up
from tests.support.booking import balances, begin, order_of, taken, work
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.parts import REASON, STAFF, back_of, booking, come, leave, line_of, paid, states, text_of
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator
from tests.web.desk import sign_in


@pytest.fixture
def two(app: Flask) -> tuple[ClubSession, ClubSession]:
    return make_club_session(title="Badminton"), make_club_session(title="Chess", non_member_price_cents=900)


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


@pytest.mark.databases("sqlite")
def test_desk_says_what_else_is_in_the_order_before_one_booking_of_it_is_ended(
    stripe_simulator: StripeSimulator, two: tuple[ClubSession, ClubSession], pages: PageClient
) -> None:
    kept, gone = two
    sign_in(pages, Role.STAFF)
    unpaid, token = leave(kept, gone), paid(stripe_simulator, kept, gone)
    hold = pages.get(f"/admin/registrations/{booking(unpaid, gone).token}/end-hold").text
    assert "It is one order with Badminton, which ends too" in hold
    cancel = pages.get(f"/admin/registrations/{booking(token, gone).token}/cancel").text
    assert "The rest of the order is not touched: Badminton." in cancel
