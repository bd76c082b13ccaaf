"""A refund that failed after the books owed its money: it goes back once, whichever way, and is taken out of revenue once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.extensions import db as flask_db
from app.models import Case, ClubSession, LedgerEntry, Order, Payment, Refund, Registration
from app.queries import desk_cases, orders
from app.rules.refusals import InvalidInput
from app.services import (
    adopted_refunds,
    cancelling,
    failed_refunds,
    health_check,
    moving,
    reconciling,
    staff_actions,
    suspense,
    winding_up,
)
from app.services.differences import Settlement, Settling
from app.transaction import transaction
from tests.support.booking import balances, begin, do_not_pause, event, order_of, receive, work
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

STAFF = "user:1"
KEPT = {"stripe:clearing": 700, "revenue:registration": -700}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


@pytest.fixture
def booked(app: Flask, stripe_simulator: Any) -> Registration:
    """A place at NZ$12.00, paid by card."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    return the(Registration, order_id=order_of(token).id)


@pytest.fixture
def failed(booked: Registration, stripe_simulator: Any) -> int:
    """The case of NZ$5.00 of it that staff gave back and the bank returned; the booking goes on."""
    staff_actions.refund(booked.token, 500, "Sorry about the rain", STAFF, once="r" * 20)
    work()
    return turned_back(stripe_simulator)


def turned_back(stripe: Any) -> int:
    """The newest refund at Stripe fails; its case."""
    stripe.control.fail_refund(the(Refund, id=count_of(Refund)).provider_ref)
    stripe.deliver()
    return all_of(Case, kind="refund_failed")[-1].id


def by_dashboard(stripe: Any, cents: int) -> None:
    stripe.control.refund(the(Payment).payment_intent_id, cents)
    stripe.deliver()


def case_of(case_id: int) -> Case:
    return the(Case, id=case_id)


def sound() -> None:
    flask_db.session.remove()
    assert reconciling.reconcile().in_order and health_check.findings() == []


# --- Given back with the next refund -----------------------------------------------------------------------------------------


def test_cancelling_gives_all_of_it_back_and_takes_only_the_rest_out_of_revenue(
    app: Flask, failed: int, stripe_simulator: Any
) -> None:
    assert cancelling.cancel_order(the(Order).token) == 1200
    assert case_of(failed).resolution == "given back since"
    work()
    stripe_simulator.deliver()
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 1200 and balances() == {}
    for decide in (failed_refunds.try_again, failed_refunds.paid_by_hand):
        with pytest.raises(InvalidInput):
            decide(failed, STAFF)
    sound()


def test_cancelled_session_gives_all_of_it_back_too(app: Flask, failed: int, stripe_simulator: Any) -> None:
    winding_up.cancel_session(the(ClubSession).slug, STAFF, "Rain")
    work()
    work()
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 1200 and balances() == {}
    sound()


def test_next_refund_that_fails_as_well_is_owed_whole_and_can_be_sent(app: Flask, failed: int, stripe_simulator: Any) -> None:
    cancelling.cancel_order(the(Order).token)
    work()
    again = turned_back(stripe_simulator)
    assert balances() == {"stripe:clearing": 1200, "owed:refunds": -1200} and case_of(again).closed_at is None
    assert failed_refunds.try_again(again, STAFF) == 1200
    work()
    assert balances() == {}
    sound()


def test_smaller_refund_leaves_the_rest_of_it_owed(app: Flask, booked: Registration, failed: int, stripe_simulator: Any) -> None:
    staff_actions.refund(booked.token, 200, "What they asked for now", STAFF, once="s" * 20)
    assert case_of(failed).closed_at is None
    view = desk_cases.one(failed, "NZD")
    assert view is not None and (view.cents, view.left_cents) == (300, 300)
    page = orders.page(the(Order).token)
    assert page is not None and page.refund_failed, "its holder reads that money is still owed"
    flask_db.session.remove()
    assert failed_refunds.try_again(failed, STAFF) == 300
    work()
    assert balances() == KEPT and stripe_simulator.control.payments()[0]["amount_refunded"] == 500
    page = orders.page(the(Order).token)
    assert page is not None and page.refunded_cents == 500
    sound()


# --- Given back in Stripe's dashboard ----------------------------------------------------------------------------------------


def test_dashboard_refund_settles_it_and_closes_its_case(app: Flask, failed: int, stripe_simulator: Any) -> None:
    by_dashboard(stripe_simulator, 500)
    assert balances() == KEPT and case_of(failed).resolution == "given back since"
    assert the(Refund, status="succeeded").order_item_id == the(Refund, status="failed").order_item_id
    for decide in (failed_refunds.try_again, failed_refunds.paid_by_hand):
        with pytest.raises(InvalidInput):
            decide(failed, STAFF)
    assert count_of(Refund) == 2
    sound()


def test_dashboard_refund_that_nobody_has_told_of_is_not_paid_by_hand_too(
    app: Flask, failed: int, stripe_simulator: Any
) -> None:
    stripe_simulator.control.drop(None)
    by_dashboard(stripe_simulator, 500)
    with pytest.raises(InvalidInput):
        failed_refunds.paid_by_hand(failed, STAFF)
    assert balances() == KEPT and case_of(failed).resolution == "given back since"


def test_part_of_it_that_went_back_unheard_is_said_before_the_rest_is_booked(
    app: Flask, failed: int, stripe_simulator: Any
) -> None:
    stripe_simulator.control.drop(None)
    by_dashboard(stripe_simulator, 200)
    with pytest.raises(InvalidInput):  # the page still said NZ$5.00
        failed_refunds.paid_by_hand(failed, STAFF)
    assert case_of(failed).closed_at is None
    assert failed_refunds.paid_by_hand(failed, STAFF) == 300
    assert balances() == {"stripe:clearing": 1000, "bank:account": -300, "revenue:registration": -700}


def test_dashboard_refund_of_more_takes_only_the_rest_out_of_revenue(app: Flask, failed: int, stripe_simulator: Any) -> None:
    by_dashboard(stripe_simulator, 800)
    assert balances() == {"stripe:clearing": 400, "revenue:registration": -400} and case_of(failed).closed_at is not None
    sound()


def test_older_of_two_failures_is_the_one_that_is_settled(app: Flask, booked: Registration, stripe_simulator: Any) -> None:
    for cents in (500, 300):
        staff_actions.refund(booked.token, cents, "Sorry about the rain", STAFF, once=f"{cents}" * 5)
    work()
    for refund in all_of(Refund):
        stripe_simulator.control.fail_refund(refund.provider_ref)
    stripe_simulator.deliver()
    older, newer = all_of(Case)
    by_dashboard(stripe_simulator, 500)
    assert case_of(older.id).closed_at is not None and case_of(newer.id).closed_at is None
    assert failed_refunds.try_again(newer.id, STAFF) == 300
    work()
    assert balances() == {"stripe:clearing": 400, "revenue:registration": -400}
    sound()


def test_wrong_money_of_which_a_part_failed_to_go_back_goes_back_whole_once(app: Flask, stripe_simulator: Any) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    receive(event("checkout.session.completed", stripe_simulator.checkout() | {"client_reference_id": "ZZZZZZ"}))
    by_dashboard(stripe_simulator, 400)
    failed_part = turned_back(stripe_simulator)
    assert suspense.give_back(the(Case, kind="payment_mismatch").id, STAFF) == 1200
    work()
    assert balances() == {} and case_of(failed_part).resolution == "given back since"
    sound()


# --- Moved, and looked after -------------------------------------------------------------------------------------------------


def test_move_takes_along_only_what_is_still_revenue(app: Flask, booked: Registration, failed: int) -> None:
    new = make_club_session()
    moving.move(booked.token, new.slug, Settlement(Settling.WAIVE, "Asked by phone", "m" * 20, 0), STAFF)
    assert earned_by_session() == {booked.club_session_id: 0, new.id: 700}


def test_dashboard_refund_after_a_move_is_taken_from_the_new_session(
    app: Flask, booked: Registration, stripe_simulator: Any
) -> None:
    new = make_club_session()
    moving.move(booked.token, new.slug, Settlement(Settling.WAIVE, "Asked by phone", "m" * 20, 0), STAFF)
    by_dashboard(stripe_simulator, 400)
    assert earned_by_session() == {booked.club_session_id: 0, new.id: 800}
    sound()


def earned_by_session() -> dict[int | None, int]:
    sums: dict[int | None, int] = {}
    for entry in all_of(LedgerEntry):
        sign = (entry.credit_account == "revenue:registration") - (entry.debit_account == "revenue:registration")
        if sign:
            sums[entry.club_session_id] = sums.get(entry.club_session_id, 0) + sign * entry.amount_cents
    return sums


@pytest.mark.databases("sqlite")
def test_doctor_names_what_is_owed_and_nobody_is_asked_to_send(app: Flask, failed: int) -> None:
    assert health_check.findings() == []
    with transaction() as db:
        db.execute(update(Case).values(closed_at=the(Order).created_at))
    flask_db.session.remove()
    assert health_check.findings() == ["Ledger: what is owed back of 1 payments is not what is left to send."]


@pytest.mark.databases("sqlite")
def test_twin_without_the_look_at_what_is_owed_the_doctor_finds_the_books_wrong(
    app: Flask, failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = adopted_refunds.still_owed.StillOwed({}, 0)
    with monkeypatch.context() as blind:
        blind.setattr(adopted_refunds.still_owed, "of_payment", lambda *_: nothing)
        cancelling.cancel_order(the(Order).token)
        work()
    assert balances() != {}
    flask_db.session.remove()
    assert health_check.findings() == ["Ledger: what is owed back of 1 payments is not what is left to send."]
