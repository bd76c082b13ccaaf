"""Stripe's promotion codes: taken where a session says so, checked against Stripe's record, booked as what was really paid.

Invariant: the line, the order, the books and the booking say what was captured; refunds are bounded by it, however it came.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.integrations import gateway
from app.models import AuditEntry, Case, ClubSession, LedgerEntry, OrderItem, OutgoingEmail, Payment, Refund, Registration
from app.queries import desk_quotes
from app.rules.pricing import shared_out
from app.rules.statuses import ItemKind, PaymentState
from app.services import (
    baskets,
    cancelling,
    checkout,
    fulfilment,
    health_check,
    paying_back,
    promotions,
    reconciling,
)
from app.services.items import Buyer, Wanted
from app.transaction import transaction
from tests.support.booking import (
    balances,
    begin,
    do_not_pause,
    event,
    mails,
    order_of,
    payments_of,
    receive,
    states,
    taken,
    work,
)
from tests.support.factories import make_club_session, make_plan, make_voucher
from tests.support.promotions import LESS, PAID, check_money, make_promotion, pay_with_code, session, type_code
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


@pytest.fixture(autouse=True)
def all_is_well(app: Flask, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """But for the twins, which break that."""
    do_not_pause(monkeypatch)
    yield
    if not request.node.name.startswith("test_twin"):
        with app.app_context():
            check_money()


def allowed(token: str) -> list[tuple[bool, bool]]:
    """For each attempt to pay: what is noted, and what Stripe was asked."""
    return [(payment.takes_promotions, "allow_promotion_codes" in payment.params) for payment in payments_of(token)]


# --- Which Checkout takes them --------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_only_one_booking_of_a_session_that_allows_them_is_asked_for_codes(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    assert allowed(begin(session())) == [(True, True)] and type_code(stripe_simulator, "NOSUCH") == 422
    assert allowed(begin(make_club_session())) == [(False, False)] and type_code(stripe_simulator) == 404
    plan, both = make_plan(price_cents=6000), session()
    joining = {"join_plan": plan.slug, "expected_price_cents": 800, "expected_total_cents": 6800}
    assert allowed(begin(both, **joining)) == [(False, False)], "with a membership: nobody could say what it was for"
    make_voucher()
    coded = begin(session(), code="SUMMER", expected_total_cents=900)
    assert allowed(coded) == [(False, False)], "the club's own code has lowered it already"


@pytest.mark.databases("sqlite")
def test_mixed_basket_takes_none_and_a_basket_of_one_booking_does(app: Flask, stripe_simulator: StripeSimulator) -> None:
    for number, sessions in enumerate(([session()], [session(), session()])):
        token = None
        for one in sessions:
            token = baskets.add(token, Wanted(ItemKind.REGISTRATION, one.slug), Buyer())
        assert token is not None
        buyer, total = Buyer("Ana", f"ana{number}@example.org"), 1200 * len(sessions)
        order = checkout.begin_basket(token, buyer, total, f"form-{number}").order_token
        assert allowed(order) == [(number == 0, number == 0)]


def test_setting_changed_while_somebody_pays_changes_nothing_for_them(app: Flask, stripe_simulator: StripeSimulator) -> None:
    club_session = session()
    make_promotion(stripe_simulator)
    token = begin(club_session)
    with transaction() as db:
        db.execute(update(ClubSession).values(allow_promotion_codes=False))
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    assert states(token) == PAID and balances() == LESS
    assert allowed(begin(club_session)) == [(False, False)]


# --- What one takes off ---------------------------------------------------------------------------------------------------------


def test_what_was_really_paid_is_on_the_booking_the_order_the_books_and_the_mail(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    make_promotion(stripe_simulator)
    token = begin(session(), places=3)
    assert order_of(token).total_cents == 3600
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    order, item, payment, registration = order_of(token), the(OrderItem), the(Payment), the(Registration)
    assert states(token) == PAID and (order.total_cents, order.promotion_cents) == (2880, 720)
    assert (item.unit_amount_cents, item.quantity) == (960, 3) and (payment.amount_cents, payment.captured_cents) == (3600, 2880)
    assert (registration.price_cents, registration.amount_paid_cents, registration.payment_status) == (2880, 2880, "paid")
    assert balances() == {"stripe:clearing": 2880, "revenue:registration": -2880}
    work()
    text = the(OutgoingEmail).text_body or ""
    assert "Promotion code: you save NZ$7.20" in text and "NZ$28.80" in text
    assert [entry.detail for entry in all_of(AuditEntry, action="promotion_used")] == [{"payment": payment.id, "cents": 720}]


def test_amount_off_is_shared_over_the_places_to_the_cent_and_each_refund_is_bounded(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    make_promotion(stripe_simulator, amount_off=500, currency="nzd")
    begin(session(max_places=3), places=3)
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    item = the(OrderItem)
    assert [(line["unit_amount_cents"], line["quantity"]) for line in item.lines or []] == [(1034, 1), (1033, 2)]
    assert item.unit_amount_cents * item.quantity == 3100
    with transaction() as db:
        registration = db.merge(the(Registration))
        assert desk_quotes.places_difference(db, registration, item, the(ClubSession), 2, registration.created_at) == -1033
        assert paying_back.owe_for_line(db, item, 3600, "cancelled", "user:1") == 3100


def test_cancelling_gives_back_what_was_paid_and_not_the_price(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_promotion(stripe_simulator)
    token = begin(session())
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 960
    work()
    stripe_simulator.deliver()
    assert (the(Refund).amount_cents, the(Refund).status, balances()) == (960, "succeeded", {})
    assert the(Registration).payment_status is PaymentState.REFUNDED


def test_all_of_it_off_is_registered_without_a_payment_and_nothing_can_be_refunded(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    make_promotion(stripe_simulator, percent_off=100)
    club_session = session()
    token = begin(club_session, places=2)
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    assert stripe_simulator.checkout()["payment_status"] == "no_payment_required"
    order, payment, registration = order_of(token), the(Payment), the(Registration)
    assert states(token) == PAID and (order.total_cents, order.promotion_cents, taken(club_session)) == (0, 2400, 2)
    assert (payment.captured_cents, payment.payment_intent_id, registration.amount_paid_cents) == (0, None, 0)
    assert registration.payment_status is PaymentState.FREE and count_of(LedgerEntry) == 0 and mails() == ["confirmation"]
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 0 and count_of(Refund) == 0 and taken(club_session) == 0
    assert reconciling.reconcile().in_order


def test_refund_at_stripes_dashboard_ends_the_money_of_it(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_promotion(stripe_simulator)
    token = begin(session())
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    stripe_simulator.control.refund(the(Payment).payment_intent_id or "", 400)
    stripe_simulator.deliver()
    assert the(Registration).payment_status is PaymentState.PARTIALLY_REFUNDED
    stripe_simulator.control.refund(the(Payment).payment_intent_id or "")
    stripe_simulator.deliver()
    assert sorted(refund.amount_cents for refund in all_of(Refund)) == [400, 560] and balances() == {}
    assert the(Registration).payment_status is PaymentState.REFUNDED and count_of(Case) == 0
    assert cancelling.cancel_order(token) == 0


# --- Wrong ----------------------------------------------------------------------------------------------------------------------


def discounted(stripe_simulator: StripeSimulator, **changes: Any) -> dict[str, Any]:
    less = {"amount_total": 960, "total_details": {**stripe_simulator.checkout()["total_details"], "amount_discount": 240}}
    return {**stripe_simulator.checkout(), **less, **changes}


@pytest.mark.parametrize(
    ("allows", "changes", "problem"),
    [
        (False, {}, "discount"),
        (True, {"amount_subtotal": 1000}, "amount"),
        (True, {"amount_total": 900}, "amount"),
        (True, {"amount_total": 1440, "total_details": {"amount_discount": -240}}, "amount"),
        (True, {"currency": "usd"}, "currency"),
    ],
)
@pytest.mark.databases("sqlite")
def test_discount_that_was_not_to_be_or_does_not_add_up_is_a_case(
    app: Flask, stripe_simulator: StripeSimulator, allows: bool, changes: dict[str, Any], problem: str
) -> None:
    token = begin(make_club_session(allow_promotion_codes=allows))
    stripe_simulator.pay()
    receive(event("checkout.session.completed", discounted(stripe_simulator, **changes)))
    assert states(token)[:2] == ("pending", "held") and mails() == []
    assert (the(Case).kind, the(Case).detail["problem"], order_of(token).total_cents) == ("payment_mismatch", problem, 1200)


@pytest.mark.databases("sqlite")
def test_twin_without_the_permission_any_discount_is_believed(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulfilment.promotions, "problem", lambda *_: None)
    token = begin(make_club_session())
    stripe_simulator.pay()
    receive(event("checkout.session.completed", discounted(stripe_simulator)))
    assert states(token) == PAID and (the(Payment).captured_cents, the(Registration).amount_paid_cents) == (960, 1200)


@pytest.mark.databases("sqlite")
def test_twin_without_booking_the_discount_more_could_go_back_than_came(
    app: Flask, stripe_simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_promotion(stripe_simulator)
    monkeypatch.setattr(promotions, "book", lambda *_: None)
    begin(session())
    pay_with_code(stripe_simulator)
    stripe_simulator.deliver()
    assert the(Registration).amount_paid_cents > the(Payment).captured_cents
    assert any("Ledger" in finding for finding in health_check.findings()), "the doctor sees it"


# --- What it rests on ----------------------------------------------------------------------------------------------------------


@pytest.mark.databases("sqlite")
def test_stripes_record_is_read_with_its_sum_and_its_discount(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_promotion(stripe_simulator)
    begin(session())
    pay_with_code(stripe_simulator)
    found = gateway().retrieve_checkout(stripe_simulator.checkout()["id"])
    assert (found.amount_subtotal_cents, found.amount_discount_cents, found.amount_total_cents) == (1200, 240, 960)


def test_shares_are_exact_and_no_piece_is_below_nothing() -> None:
    for cents, prices in ((500, [1200] * 3), (1, [1200, 1]), (3601, [1200, 2401]), (0, [0, 0]), (7, [0, 7]), (999, [1, 1000])):
        shares = shared_out(cents, prices)
        assert sum(shares) == cents and all(0 <= share <= price for share, price in zip(shares, prices, strict=True))
