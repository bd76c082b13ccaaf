"""Codes where memberships, baskets and listings are sold: the price frozen, the use counted and given back, refunds bounded."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession, Membership, MembershipPlan, Order, OrderItem, Payment, Refund, User, Voucher, VoucherUse
from app.rules.refusals import InvalidInput, PriceChanged
from app.rules.statuses import ItemKind, SessionStatus
from app.rules.vouchers import VoucherKind, VoucherRefused, VoucherScope
from app.services import baskets, checkout, ending, health_check, memberships, paying_back
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from app.templating import refusal_text
from app.transaction import transaction
from tests.concurrency.racing import race, refusals, values
from tests.support.booking import applicant, balances, begin, mails, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session, make_plan, make_user, make_voucher
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

ANA = Buyer("Ana Lee", "ana@example.org")
FREE = {"kind": VoucherKind.FREE, "percent": None}


@pytest.fixture(autouse=True)
def nothing_is_counted_wrong(app: Flask) -> Any:
    yield
    with app.app_context():
        assert not [finding for finding in health_check.findings() if finding.startswith("Code ")]


def uses() -> tuple[int, int]:
    """As counted, and as the orders say."""
    return the(Voucher).uses, sum(use.returned_at is None for use in all_of(VoucherUse))


def join(plan: MembershipPlan, cents: int | None, code: str = "SUMMER", attempt: str = "join-1", **changes: Any) -> str:
    person = {"name": "Ana Lee", "email": "ana@example.org", **changes}
    joiner = Joiner(expected_price_cents=cents, attempt=attempt, code=code, **person)
    return checkout.begin_membership(plan.slug, joiner).order_token


def filled(*wanted: Wanted) -> str:
    token = None
    for line in wanted:
        token = baskets.add(token, line, Buyer())
    assert token is not None
    return token


def places(session: ClubSession, quantity: int = 1) -> Wanted:
    return Wanted(ItemKind.REGISTRATION, session.slug, quantity)


def leave(token: str, total: int, code: str = "SUMMER", attempt: str = "form-1", buyer: Buyer = ANA) -> str:
    return checkout.begin_basket(token, buyer, total, attempt, code).order_token


def paid(simulator: StripeSimulator, token: str) -> None:
    simulator.pay(the(Payment, order_id=order_of(token).id).checkout_id)
    simulator.deliver()
    work()


# --- A membership ---------------------------------------------------------------------------------------------------------------


def test_membership_is_paid_at_the_price_with_the_code_and_refunded_no_higher(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    plan, _ = make_plan(), make_voucher()
    token = join(plan, 4500)
    assert (order_of(token).total_cents, stripe_simulator.checkout()["amount_total"], uses()) == (4500, 4500, (1, 1))
    paid(stripe_simulator, token)
    assert the(OrderItem).lines == [{
        "name": "Annual membership", "unit_amount_cents": 4500, "quantity": 1, "reason": "non_member", "saved_cents": 0,
        "note": "", "code_note": "Code SUMMER: you save NZ$15.00",
    }]  # fmt: skip
    assert memberships.refund(the(Membership).id, "Moved away", "user:1") == 4500
    work()
    stripe_simulator.deliver()
    assert (the(Refund).amount_cents, balances(), uses()) == (4500, {}, (1, 1))


def test_free_membership_begins_at_once_for_an_account_and_never_for_a_typed_address(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    plan, person, _ = make_plan(), make_user(), make_voucher(**FREE)
    with pytest.raises(InvalidInput) as refused:
        join(plan, 0)
    assert "Sign in first" in refusal_text(refused.value)
    assert (count_of(Order), uses()) == (0, (0, 0))
    token = join(plan, 0, name=person.name, email=person.email, user_id=person.id)
    assert (order_of(token).status, the(Membership).user_id, count_of(Payment), uses()) == ("paid", person.id, 0, (1, 1))
    assert mails() == ["membership_started"] and stripe_simulator.control.counts() == {}


@pytest.mark.databases("sqlite")
def test_membership_price_must_have_been_seen_with_the_code(app: Flask) -> None:
    plan, _ = make_plan(), make_voucher()
    for seen in (None, 6000):
        with pytest.raises(PriceChanged):
            join(plan, seen)
    with pytest.raises(VoucherRefused):
        join(plan, 4500, "OTHER")
    assert (count_of(Order), uses()) == (0, (0, 0))


def test_other_code_ends_the_open_order_and_the_same_one_goes_on_with_it(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    plan, _ = make_plan(), make_voucher()
    dear = join(plan, 6000, "", "join-1")
    known = {"known_orders": (dear,)}
    cheap = join(plan, 4500, "summer", "join-2", **known)
    assert (order_of(dear).status, order_of(cheap).total_cents, uses()) == ("cancelled", 4500, (1, 1))
    assert join(plan, 4500, "SUMMER", "join-3", known_orders=(dear, cheap)) == cheap
    back = join(plan, 6000, "", "join-4", known_orders=(dear, cheap))
    assert (order_of(cheap).status, order_of(back).total_cents, uses()) == ("cancelled", 6000, (0, 0))


# --- A listing ------------------------------------------------------------------------------------------------------------------


def test_listing_fee_with_a_code_is_paid_recorded_and_given_back(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_voucher(scope=VoucherScope.KIND, item_kind=ItemKind.LISTING)
    host = make_host()
    token = begin_listing(host, make_draft(host), code="summer", expected_total_cents=900)
    paid(stripe_simulator, token)
    assert (the(ClubSession).status, order_of(token).total_cents, uses()) == (SessionStatus.PUBLISHED, 900, (1, 1))
    assert balances() == {"stripe:clearing": 900, "revenue:listing": -900}
    with transaction() as db:
        assert paying_back.owe_for_line(db, the(OrderItem), 1200, "listing_rejected", "user:1") == 900


def test_listing_that_a_code_makes_free_is_published_without_stripe(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_voucher(**FREE)
    host = make_host()
    with pytest.raises(PriceChanged):
        begin_listing(host, make_draft(host), code="SUMMER")
    draft = the(ClubSession)
    token = begin_listing(host, draft, code="SUMMER", expected_total_cents=0)
    assert (order_of(token).status, the(ClubSession).status, count_of(Payment)) == ("paid", SessionStatus.PUBLISHED, 0)
    assert uses() == (1, 1)


def test_listing_given_up_or_ordered_with_another_code_gives_the_use_back(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    make_voucher(max_uses=1)
    host = make_host()
    draft = make_draft(host)
    first = begin_listing(host, draft, code="SUMMER", expected_total_cents=900)
    assert begin_listing(host, draft, code="SUMMER", expected_total_cents=900) == first
    second = begin_listing(host, draft, expected_total_cents=1200)
    assert (order_of(first).status, order_of(second).total_cents, uses()) == ("cancelled", 1200, (0, 0))
    third = begin_listing(host, draft, code="SUMMER", expected_total_cents=900)
    ending.give_up(third)
    assert uses() == (0, 0)


# --- A basket -------------------------------------------------------------------------------------------------------------------


def test_code_takes_off_only_the_lines_it_fits_and_the_rest_is_refunded_in_full(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    chess, walk = make_club_session(title="Chess"), make_club_session(title="Walk")
    make_voucher(scope=VoucherScope.SESSION, club_session_id=chess.id)
    token = filled(places(walk), places(chess, 2))
    baskets.use_code(token, "SUMMER", Buyer())
    shown = baskets.view(token, Buyer())
    assert [line.quoted.total_cents for line in shown.lines if line.quoted] == [1200, 1800]
    assert (shown.total_cents, shown.code_saved_cents, shown.code) == (3000, 600, "SUMMER")
    order = leave(token, 3000)
    paid(stripe_simulator, order)
    items = {item.description: item for item in all_of(OrderItem)}
    assert uses() == (1, 1) and the(VoucherUse).saved_cents == 600
    with transaction() as db:
        owed = [paying_back.owe_for_line(db, items[name], 9900, "cancelled", "user:1") for name in ("Chess", "Walk")]
    assert owed == [1800, 1200]


def test_amount_is_taken_once_over_mixed_lines_and_a_joiner_pays_as_a_member(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    make_voucher(kind=VoucherKind.AMOUNT, percent=None, amount_cents=1000, currency="NZD", members_only=True)
    token = filled(places(make_club_session()), Wanted(ItemKind.MEMBERSHIP, make_plan(price_cents=6000).slug))
    order = leave(token, 5800)
    assert order_of(order).total_cents == stripe_simulator.checkout()["amount_total"] == 5800
    assert sorted(item.unit_amount_cents for item in all_of(OrderItem)) == [0, 5800]
    paid(stripe_simulator, order)
    assert (count_of(Membership), balances()["stripe:clearing"], uses()) == (1, 5800, (1, 1))


def test_basket_that_a_code_makes_free_is_had_at_once_and_forgets_the_code(app: Flask, stripe_simulator: Any) -> None:
    make_voucher(**FREE, max_uses=2)
    token = filled(places(make_club_session()), places(make_club_session()))
    baskets.use_code(token, "SUMMER", Buyer())
    order = leave(token, 0)
    assert (order_of(order).status, count_of(Payment), uses()) == ("paid", 0, (1, 1))
    baskets.add(token, places(make_club_session()), Buyer())
    assert (baskets.view(token, ANA).code, baskets.view(token, ANA).total_cents) == ("", 1200)


def test_wrong_code_sells_nothing_of_the_basket_and_is_not_kept(app: Flask) -> None:
    walk = make_club_session()
    make_voucher(scope=VoucherScope.KIND, item_kind=ItemKind.LISTING)
    token = filled(places(walk), places(make_free_club_session()))
    with pytest.raises(VoucherRefused):
        baskets.use_code(token, "SUMMER", Buyer())
    with pytest.raises(VoucherRefused):
        leave(token, 1200)
    assert (count_of(Order), the(ClubSession, id=walk.id).places_taken, baskets.view(token, ANA).code) == (0, 0, "")


def test_basket_checked_out_with_another_code_ends_the_order_before(app: Flask, stripe_simulator: StripeSimulator) -> None:
    walk, _ = make_club_session(capacity=1), make_voucher(max_uses=1)
    token = filled(places(walk))
    cheap = leave(token, 900, "SUMMER", "form-1")
    assert leave(token, 900, "summer", "form-2") == cheap
    dear = leave(token, 1200, "", "form-3")
    assert (order_of(cheap).status, order_of(dear).status, uses()) == ("cancelled", "pending", (0, 0))
    assert the(ClubSession, id=walk.id).places_taken == 1


def test_hold_that_ends_gives_the_use_of_every_form_back(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    make_voucher(max_uses=3)
    host = make_host()
    join(make_plan(), 4500)
    begin_listing(host, make_draft(host), code="SUMMER", expected_total_cents=900)
    leave(filled(places(make_club_session())), 900)
    assert uses() == (3, 3)
    clock.advance(hours=2)
    work()
    assert uses() == (0, 0) and {order.status for order in all_of(Order)} == {"expired"}


def test_last_use_goes_to_one_of_three_forms(app: Flask, stripe_simulator: StripeSimulator) -> None:
    """A membership, a listing and a basket want the last use in one moment: one is sold, the others learn it was the code."""
    make_voucher(**FREE, max_uses=1)
    person, host, plan = make_user(), make_host(), make_plan()
    draft, token = make_draft(host), filled(places(make_club_session()))
    outcomes = race(app, [
        lambda: join(plan, 0, name=person.name, email=person.email, user_id=person.id),
        lambda: begin_listing(host, draft, code="SUMMER", expected_total_cents=0),
        lambda: leave(token, 0),
    ])  # fmt: skip
    assert len(values(outcomes)) == 1 and refusals(outcomes) == {"VoucherRefused": 2}
    assert (uses(), count_of(Order), count_of(User)) == ((1, 1), 1, 2)


def test_booking_that_stands_at_another_price_is_shown_and_not_paid_in_its_place(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    """Somebody holds a place and fills in the form again, with a code: Stripe's page would ask for the price of before."""
    walk, _ = make_club_session(), make_voucher()
    dear = begin(walk, email="ana@example.org")
    again = applicant(email="ana@example.org", code="SUMMER", expected_total_cents=900, known_orders=(dear,))
    assert checkout.begin_registration(walk.slug, again).url.endswith(f"/orders/{dear}")
    plain = applicant(email="ana@example.org", known_orders=(dear,))
    assert checkout.begin_registration(walk.slug, plain).url == stripe_simulator.checkout()["url"]
    assert (count_of(Order), order_of(dear).total_cents, uses()) == (1, 1200, (0, 0))
