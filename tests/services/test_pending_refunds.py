"""Refunds that a bank sits on settle by asking Stripe, with no webhook at all; what failed is paid back otherwise, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app import clock as club_clock
from app.models import AuditEntry, Case, Order, Refund, Registration
from app.queries import due_work, orders
from app.rules.refunds import LONGEST_REST, next_look_at
from app.rules.refusals import InvalidInput, RefundsUnknown
from app.rules.statuses import PaymentState, RefundStatus
from app.services import cancelling, failed_refunds, health_check, reconciling, refunds
from app.services.by_hand import Means
from app.transaction import transaction
from tests.support.booking import at_once, balances, begin, work
from tests.support.clock import START, FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

OWED = {"stripe:clearing": 1200, "owed:refunds": -1200}


@pytest.fixture
def pending(app: Flask, stripe_simulator: Any) -> str:
    """The id at Stripe of a refund of NZ$12.00 that stays pending there; no webhook is ever delivered after it."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    stripe_simulator.control.refunds_stay_pending()
    cancelling.cancel_order(token)
    work()
    assert the(Refund).status is RefundStatus.PENDING
    return str(stripe_simulator.control.refunds()[0]["id"])


def looks(simulator: Any) -> int:
    return int(simulator.control.counts().get("refund.retrieve", 0))


@pytest.mark.databases("sqlite")
def test_looks_come_soon_at_first_and_never_more_than_six_hours_apart() -> None:
    moment, gaps = START, []
    for _ in range(14):
        gaps.append(next_look_at(START, moment) - moment)
        moment += gaps[-1]
    assert gaps[:4] == [timedelta(minutes=m) for m in (1, 1, 2, 4)] and gaps[-1] == LONGEST_REST


def test_refund_that_succeeds_at_stripe_is_found_by_asking(
    app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock
) -> None:
    stripe_simulator.control.settle_refund(pending)
    work()
    assert looks(stripe_simulator) == 0, "it is not due yet"
    clock.advance(seconds=61)
    work()
    assert the(Refund).status is RefundStatus.SUCCEEDED and the(Refund).next_attempt_at is None
    assert the(Registration).payment_status is PaymentState.REFUNDED and balances() == {} and health_check.findings() == []


def test_refund_that_fails_at_stripe_is_found_by_asking_and_opens_a_case(
    app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock
) -> None:
    stripe_simulator.control.fail_refund(pending)
    clock.advance(seconds=61)
    work()
    assert the(Refund).status is RefundStatus.FAILED and the(Case).kind == "refund_failed" and balances() == OWED


def test_looking_backs_off_while_nothing_changes(app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock) -> None:
    for _ in range(60):
        clock.advance(minutes=1)
        refunds.look_up_pending()
    assert 4 <= looks(stripe_simulator) <= 8
    assert due_work.ages(club_clock.now())["refunds"] == 0 and the(Refund).status is RefundStatus.PENDING


def test_stripe_away_while_asking_changes_nothing(app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock) -> None:
    stripe_simulator.control.fail("refund.retrieve", kind="500", times=3, stored=False)
    clock.advance(seconds=61)
    assert work().failed == []
    assert the(Refund).status is RefundStatus.PENDING
    stripe_simulator.control.clear_faults()
    stripe_simulator.control.settle_refund(pending)
    clock.advance(minutes=2)
    work()
    assert the(Refund).status is RefundStatus.SUCCEEDED


def test_two_workers_ask_once(app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock) -> None:
    clock.advance(seconds=61)
    refund_id = the(Refund).id
    assert sorted(at_once(app, *[lambda: refunds.look_up(refund_id)] * 3)) == [False, False, True]
    assert looks(stripe_simulator) == 1


def test_pending_refund_from_before_there_were_looks_is_asked_about(app: Flask, pending: str, stripe_simulator: Any) -> None:
    with transaction() as db:
        db.execute(update(Refund).values(next_attempt_at=None))
    stripe_simulator.control.settle_refund(pending)
    work()
    assert the(Refund).status is RefundStatus.SUCCEEDED


# --- Paid back otherwise ---------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(app: Flask, pending: str, stripe_simulator: Any, clock: FakeClock) -> int:
    """The case of a refund that Stripe could not make."""
    stripe_simulator.control.fail_refund(pending)
    clock.advance(seconds=61)
    work()
    return the(Case).id


@pytest.mark.parametrize(("means", "account"), [(Means.BANK, "bank:account"), (Means.CASH, "cash:desk")])
def test_failed_refund_paid_otherwise_leaves_the_books_where_the_money_came_from(
    app: Flask, failed: int, means: Means, account: str
) -> None:
    assert failed_refunds.paid_by_hand(failed, "user:1", "To their account", means) == 1200
    assert balances() == {"stripe:clearing": 1200, account: -1200}, "what Stripe kept is ours; nothing is owed any more"
    assert [refund.status.value for refund in all_of(Refund)] == ["failed", "succeeded"]
    assert the(Registration).payment_status is PaymentState.REFUNDED
    assert the(Case).resolution == "paid by hand: To their account"
    paid = the(AuditEntry, action="refund_paid_by_hand")
    assert (paid.actor, paid.detail["means"], paid.detail["cents"]) == ("user:1", means.value, 1200)
    work()
    assert reconciling.reconcile().in_order and health_check.findings() == []


def test_persons_page_says_that_the_refund_failed_until_it_is_paid_otherwise(app: Flask, failed: int) -> None:
    token = the(Order).token
    before = orders.page(token)
    failed_refunds.paid_by_hand(failed, "user:1", means=Means.CASH)
    after = orders.page(token)
    assert before is not None and before.refund_failed and before.refunded_cents == 0
    assert after is not None and not after.refund_failed and after.back.hand_cents == 1200


def test_two_clicks_book_one_payment_back(app: Flask, failed: int) -> None:
    clicks = at_once(app, *[lambda: failed_refunds.paid_by_hand(failed, "user:1")] * 3)
    assert sorted(type(click).__name__ for click in clicks) == ["InvalidInput", "InvalidInput", "int"]
    assert count_of(Refund) == 2 and balances()["bank:account"] == -1200


def test_what_went_back_in_the_dashboard_unheard_is_not_paid_by_hand_too(app: Flask, failed: int, stripe_simulator: Any) -> None:
    """Nobody has told us yet: Stripe is asked before a person hands out cash (promise 4)."""
    [intent] = [payment["id"] for payment in stripe_simulator.control.payments()]
    stripe_simulator.control.refund(intent, 1000)
    with pytest.raises(InvalidInput):
        failed_refunds.paid_by_hand(failed, "user:1")
    assert [refund.amount_cents for refund in all_of(Refund) if refund.status is not RefundStatus.FAILED] == [1000]
    assert the(Case, id=failed).closed_at is None


def test_nothing_is_paid_by_hand_while_stripe_cannot_be_asked(app: Flask, failed: int, stripe_simulator: Any) -> None:
    stripe_simulator.control.fail("*", "500", 9, stored=False)
    with pytest.raises(RefundsUnknown):
        failed_refunds.paid_by_hand(failed, "user:1")
    assert the(Case, id=failed).closed_at is None
    stripe_simulator.control.clear_faults()
    assert failed_refunds.paid_by_hand(failed, "user:1") == 1200


def test_what_was_tried_again_is_not_paid_by_hand_too(app: Flask, failed: int, stripe_simulator: Any) -> None:
    failed_refunds.try_again(failed, "user:1")
    with pytest.raises(InvalidInput):
        failed_refunds.paid_by_hand(failed, "user:1")
    stripe_simulator.control.refunds_stay_pending(False)
    work()
    assert balances() == {}
