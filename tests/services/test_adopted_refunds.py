"""Refunds made in Stripe's dashboard of an order for several things: all of it marks all of it; a part is a person's decision."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import AuditEntry, Case, ClubSession, Membership, OrderItem, Payment, Refund, Registration, StripeEvent
from app.queries import desk_ending, desk_registration, desk_registrations, desk_sessions, orders
from app.queries.desk_registrations import Wanted
from app.rules.refusals import InvalidInput
from app.rules.statuses import ItemKind, PaymentState, RefundStatus
from app.services import (
    adopted_refunds,
    cancelling,
    checkout,
    ending,
    health_check,
    paying_back,
    reconciling,
    staff_actions,
    stripe_inbox,
)
from app.services.stripe_inbox import Received
from tests.support.booking import balances, begin, event, mails, order_of, pay_late, payments_of, receive, states, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_plan
from tests.support.rows import all_of, count_of, the

BOOKED = {"stripe:clearing": 2300, "revenue:registration": -800, "revenue:membership": -1500}


@pytest.fixture
def joined(app: Flask, stripe_simulator: Any) -> str:
    """A place at NZ$8.00 and a membership at NZ$15.00, paid in one order; its token."""
    plan = make_plan(price_cents=1500)
    token = begin(make_club_session(), email="ana@example.org", expected_price_cents=800, join_plan=plan.slug)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    assert balances() == BOOKED
    return token


def line(kind: ItemKind) -> OrderItem:
    return the(OrderItem, kind=kind)


def by_dashboard(stripe: Any, cents: int | None = None) -> None:
    payment = the(Payment).payment_intent_id
    stripe.control.refund(payment, *([cents] if cents else []))
    stripe.deliver()


def test_whole_order_refunded_at_stripe_ends_the_membership_and_marks_every_line(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    by_dashboard(stripe_simulator)
    assert balances() == {} and the(Registration).payment_status is PaymentState.REFUNDED
    assert the(Membership).revoked_at is not None and count_of(Case) == 0
    work()
    assert reconciling.reconcile().in_order and health_check.findings() == []


def test_part_that_cannot_be_attributed_is_in_suspense_until_a_person_says_what_it_was_for(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    by_dashboard(stripe_simulator, 1500)
    assert balances() == {**BOOKED, "stripe:clearing": 800, "suspense": 1500}
    case = the(Case)
    assert (case.kind, case.detail["cents"]) == ("refund_unattributed", 1500)
    assert the(Registration).payment_status is PaymentState.PAID and the(Membership).revoked_at is None
    adopted_refunds.attribute(case.id, line(ItemKind.MEMBERSHIP).id, "user:1", "The treasurer made it")
    assert balances() == {"stripe:clearing": 800, "revenue:registration": -800}
    assert the(Membership).revoked_at is not None and the(Registration).payment_status is PaymentState.PAID
    assert the(AuditEntry, action="refund_attributed").actor == "user:1"
    with pytest.raises(InvalidInput):
        adopted_refunds.attribute(case.id, line(ItemKind.REGISTRATION).id, "user:2")
    work()
    assert reconciling.reconcile().in_order and health_check.findings() == []


def test_more_than_the_chosen_line_cost_is_taken_from_the_others_too(app: Flask, joined: str, stripe_simulator: Any) -> None:
    by_dashboard(stripe_simulator, 2000)
    adopted_refunds.attribute(the(Case).id, line(ItemKind.MEMBERSHIP).id, "user:1")
    assert balances() == {"stripe:clearing": 300, "revenue:registration": -300}
    assert the(Membership).revoked_at is not None


def test_line_of_another_order_is_refused(app: Flask, joined: str, stripe_simulator: Any) -> None:
    by_dashboard(stripe_simulator, 500)
    begin(make_club_session())
    other = all_of(OrderItem)[-1].id
    with pytest.raises(InvalidInput):
        adopted_refunds.attribute(the(Case).id, other, "user:1")
    assert the(Case).closed_at is None and balances()["suspense"] == 500


def test_part_is_attributed_when_only_one_line_is_left(app: Flask, joined: str, stripe_simulator: Any) -> None:
    cancelling.cancel_order(joined)
    work()
    assert balances() == {"stripe:clearing": 1500, "revenue:membership": -1500}
    by_dashboard(stripe_simulator, 1500)
    assert balances() == {} and the(Membership).revoked_at is not None and count_of(Case) == 0


def test_the_rest_of_an_order_refunded_in_pieces_marks_all_of_it(app: Flask, joined: str, stripe_simulator: Any) -> None:
    by_dashboard(stripe_simulator, 1000)
    by_dashboard(stripe_simulator)
    assert the(Registration).payment_status is PaymentState.REFUNDED and the(Membership).revoked_at is not None
    assert balances()["suspense"] == 2300 and count_of(Case, kind="refund_unattributed") == 2


def test_whole_refund_that_fails_later_is_owed_and_the_booking_is_paid_again(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    by_dashboard(stripe_simulator)
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    stripe_simulator.deliver()
    assert the(Registration).payment_status is PaymentState.PAID
    assert balances() == {"stripe:clearing": 2300, "owed:refunds": -2300} and the(Case).kind == "refund_failed"


def test_part_that_failed_before_is_settled_first_and_only_the_rest_asks_what_it_was_for(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    staff_actions.refund(the(Registration).token, 500, "Sorry about the rain", "user:1", once="r" * 20)
    work()
    stripe_simulator.control.fail_refund(stripe_simulator.control.refunds()[0]["id"])
    stripe_simulator.deliver()
    by_dashboard(stripe_simulator, 200)
    assert balances() == {**BOOKED, "stripe:clearing": 2100, "revenue:registration": -300, "owed:refunds": -300}
    assert count_of(Case, kind="refund_unattributed") == 0
    by_dashboard(stripe_simulator, 400)
    assert the(Case, kind="refund_failed").closed_at is not None
    case = the(Case, kind="refund_unattributed")
    assert case.detail["cents"] == 100 and balances()["suspense"] == 100
    adopted_refunds.attribute(case.id, line(ItemKind.MEMBERSHIP).id, "user:1")
    assert balances() == {"stripe:clearing": 1700, "revenue:registration": -300, "revenue:membership": -1400}
    work()
    assert reconciling.reconcile().in_order and health_check.findings() == []


# --- Money that came too late ----------------------------------------------------------------------------------------------


def test_late_payment_is_paid_then_refunded_and_never_stays_pending(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    club_session = make_club_session(capacity=1)
    token = begin(club_session)
    clock.advance(minutes=31)
    work()
    begin(club_session)
    pay_late(stripe_simulator, token)
    late = the(Registration, order_id=order_of(token).id)
    assert states(token)[:2] == ("expired", "expired") and late.payment_status is PaymentState.PAID
    assert the(Refund).order_item_id == line_of(late).id
    work()
    late = the(Registration, order_id=order_of(token).id)
    assert (late.payment_status, late.amount_paid_cents) == (PaymentState.REFUNDED, 1200)
    view = orders.page(token)
    assert view is not None and [refund.status for refund in view.refunds] == ["succeeded"]


def test_order_of_which_nothing_can_be_had_gives_each_line_back_and_says_so_once(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    plan = make_plan(price_cents=1500)
    token = begin(make_club_session(), expected_price_cents=800, join_plan=plan.slug)
    ending.give_up(token)
    pay_late(stripe_simulator, token)
    work()
    assert sorted(refund.amount_cents for refund in all_of(Refund)) == [800, 1500]
    assert stripe_simulator.control.payments()[0]["amount_refunded"] == 2300 and balances() == {}
    assert the(Registration).payment_status is PaymentState.REFUNDED and count_of(Membership) == 0
    assert mails() == ["purchase_refunded"] and health_check.findings() == []


def test_second_payment_that_goes_back_leaves_the_first_ones_booking_paid(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    first = payments_of(token)[0].checkout_id
    stripe_simulator.control.expire(first)
    stripe_simulator.deliver()
    checkout.pay(token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    pay_late(stripe_simulator, token)
    work()
    assert the(Refund).reason == "paid_twice" and the(Registration).payment_status is PaymentState.PAID


def test_line_that_is_lost_is_refunded_and_the_one_that_is_had_stays_paid(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session, plan = make_club_session(capacity=1), make_plan(price_cents=1500)
    token = begin(club_session, expected_price_cents=800, join_plan=plan.slug)
    clock.advance(minutes=31)
    work()
    begin(club_session)
    pay_late(stripe_simulator, token)
    work()
    lost = the(Registration, order_id=order_of(token).id)
    assert lost.payment_status is PaymentState.REFUNDED and the(Membership).revoked_at is None
    assert (the(Refund).amount_cents, the(Refund).order_item_id) == (800, line_of(lost).id)


def line_of(registration: Registration) -> OrderItem:
    return the(OrderItem, registration_id=registration.id)


def test_whole_order_refunded_at_stripe_counts_in_the_sessions_figures_and_is_not_owed_again(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    slug = the(ClubSession).slug
    by_dashboard(stripe_simulator, 1500)
    figures = desk_sessions.one(slug)
    assert figures is not None and figures.tally.refunded_cents == 0, "nobody has said yet what it was for"
    db.session.remove()
    by_dashboard(stripe_simulator)
    figures, ending_it = desk_sessions.one(slug), desk_ending.of_session(slug)
    assert figures is not None and (figures.tally.refunded_cents, figures.tally.kept_cents) == (800, 0)
    assert ending_it is not None and (ending_it.refunds, ending_it.refund_cents) == (0, 0)
    assert paying_back.kept_cents(db.session(), the(Registration)) == 0


def test_whole_order_refunded_at_stripe_is_in_the_lists_and_the_exports_of_bookings(
    app: Flask, joined: str, stripe_simulator: Any
) -> None:
    by_dashboard(stripe_simulator)
    slug, all_of_them = the(ClubSession).slug, Wanted()
    lists = (desk_registrations.of_session(slug, all_of_them, with_checkouts=False),
             desk_registrations.everywhere(all_of_them, with_checkouts=False))  # fmt: skip
    assert [[line.refunded_cents for line in found.items] for found in lists] == [[800], [800]], "without the membership's"
    page = desk_registration.page(the(Registration).token)
    assert page is not None and page.refunded_cents == 800
    exports = [list(desk_registrations.every(asked, all_of_them)) for asked in (slug, None)]
    assert [[row.refunded_cents for row in rows] for rows in exports] == [[800], [800]]


@pytest.mark.parametrize("told_at_last", [True, False])
def test_late_news_of_a_refund_that_a_bank_turned_back_is_not_believed_beside_the_one_that_went(
    app: Flask, clock: FakeClock, stripe_simulator: Any, told_at_last: bool
) -> None:
    """Made in the dashboard and turned back while no message came; then ours went, and only then the first one's is told."""
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    stale = stripe_simulator.control.refund(payments_of(token)[0].payment_intent_id)
    turned_back = stripe_simulator.control.fail_refund(stale["id"])
    stripe_simulator.control.drop(None)
    assert cancelling.cancel_order(token) == 1200
    work()
    assert receive(event("refund.created", stale)) is Received.KEPT
    assert [(row.amount_cents, row.status) for row in all_of(Refund)] == [(1200, RefundStatus.SUCCEEDED)]
    if told_at_last:
        assert receive(event("refund.failed", turned_back)) is Received.PROCESSED
    else:
        reconciling.reconcile()
    clock.advance(hours=1)
    stripe_inbox.retry_unprocessed()
    assert [row.status for row in all_of(Refund)] == [RefundStatus.SUCCEEDED, RefundStatus.FAILED]
    assert count_of(StripeEvent, processed_at=None) == 0
    assert set(balances()) <= {"stripe:clearing", "fees:stripe"}, "nothing is earned and nothing is owed"
    assert reconciling.reconcile().difference_cents == 0 and health_check.findings() == []
