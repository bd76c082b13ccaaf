"""Codes through an order's life: the price frozen and the same everywhere, uses counted, given back, taken again.

Invariant: a code's uses are the orders that used it and did not end unpaid, never more than its limit (`flask doctor` says so).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app import clock as app_clock
from app.integrations import gateway
from app.models import AuditEntry, Order, OrderItem, OutgoingEmail, Payment, Refund, Registration, Voucher, VoucherUse
from app.rules.refusals import InvalidInput, PaymentsDown, PriceChanged
from app.rules.statuses import ItemKind, RefundPolicy, RefundStatus, RegistrationStatus
from app.rules.vouchers import VoucherKind, VoucherRefused, VoucherScope
from app.services import cancelling, checkout, ending, health_check, voucher_desk
from app.services.voucher_desk import VoucherFields
from app.transaction import transaction
from tests.support.booking import applicant, balances, begin, mails, order_of, pay_late, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_membership, make_plan, make_user, make_voucher
from tests.support.rows import all_of, count_of, the

QUARTER = {"code": "summer", "expected_total_cents": 900}


@pytest.fixture(autouse=True)
def nothing_is_counted_wrong(app: Flask) -> Any:
    yield
    with app.app_context():
        assert not [finding for finding in health_check.findings() if finding.startswith("Code ")]


def uses() -> tuple[int, int]:
    """As counted, and as the orders say."""
    return the(Voucher).uses, sum(use.returned_at is None for use in all_of(VoucherUse))


def test_one_discounted_price_is_on_order_item_payment_stripe_and_booking(app: Flask, stripe_simulator: Any) -> None:
    club_session, _ = make_club_session(), make_voucher()
    token = begin(club_session, **QUARTER)
    order, item, payment, registration = order_of(token), the(OrderItem), the(Payment), the(Registration)
    assert (order.total_cents, item.unit_amount_cents, payment.amount_cents, registration.price_cents) == (900, 900, 900, 900)
    assert stripe_simulator.checkout()["amount_total"] == 900
    [line] = payment.params["line_items"]
    assert line["price_data"]["product_data"]["description"] == "Code SUMMER: you save NZ$3.00"
    assert item.lines is not None and item.lines[0]["code_note"] == "Code SUMMER: you save NZ$3.00"
    assert uses() == (1, 1) and the(VoucherUse).saved_cents == 300
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert states(token) == ("paid", "registered", ["succeeded"])
    assert balances() == {"stripe:clearing": 900, "revenue:registration": -900}
    work()
    assert "Code SUMMER: you save NZ$3.00" in (the(OutgoingEmail).text_body or "")


@pytest.mark.parametrize(("currency", "cents", "paid", "back"), [("KWD", 12050, 9040, 4520), ("ISK", 120500, 90400, 45200)])
def test_part_of_a_price_is_one_that_stripe_moves_in_every_currency(
    app: Flask, stripe_simulator: Any, currency: str, cents: int, paid: int, back: int
) -> None:
    """A quarter off, and half of it back: both are rounded to what Stripe takes, and the books are equal."""
    terms = {"refund_policy": RefundPolicy.PERCENTAGE, "refund_percent": 50}
    club_session = make_club_session(currency=currency, non_member_price_cents=cents, **terms)
    make_voucher()
    token = begin(club_session, code="summer", expected_price_cents=cents, expected_total_cents=paid)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == back
    work()
    assert [(refund.amount_cents, refund.status) for refund in all_of(Refund)] == [(back, RefundStatus.SUCCEEDED)]


def test_member_price_and_code_are_both_said_and_both_hold(app: Flask, stripe_simulator: Any) -> None:
    member = make_user()
    make_membership(member)
    make_voucher(kind=VoucherKind.AMOUNT, percent=None, amount_cents=500, currency="NZD", members_only=True)
    person = {"email": member.email, "user_id": member.id, "expected_price_cents": 800}
    begin(make_club_session(), places=2, code="SUMMER", expected_total_cents=1500, **person)
    lines = the(OrderItem).lines or []
    assert [(line["unit_amount_cents"], line.get("code_note", "")) for line in lines] == [
        (300, "Code SUMMER: you save NZ$5.00"), (1200, ""),
    ]  # fmt: skip
    described = [line["price_data"]["product_data"].get("description") for line in the(Payment).params["line_items"]]
    assert described[0] == "Member price, you save NZ$4.00. Code SUMMER: you save NZ$5.00"


def test_amount_over_several_places_of_one_price_cuts_the_line_and_adds_up(app: Flask, stripe_simulator: Any) -> None:
    make_voucher(kind=VoucherKind.AMOUNT, percent=None, amount_cents=500, currency="NZD")
    begin(make_club_session(), places=3, code="SUMMER", expected_total_cents=3100)
    item = the(OrderItem)
    assert [(line["unit_amount_cents"], line["quantity"]) for line in item.lines or []] == [(700, 1), (1200, 2)]
    assert item.unit_amount_cents * item.quantity == the(Order).total_cents == stripe_simulator.checkout()["amount_total"] == 3100


def test_free_by_a_code_is_registered_at_once_without_stripe(app: Flask, stripe_simulator: Any) -> None:
    club_session, _ = make_club_session(), make_voucher(kind=VoucherKind.FREE, percent=None)
    token = begin(club_session, places=2, code="SUMMER", expected_total_cents=0)
    assert (order_of(token).status, the(Registration).status, count_of(Payment)) == ("paid", RegistrationStatus.REGISTERED, 0)
    assert taken(club_session) == 2 and mails() == ["confirmation"] and uses() == (1, 1)
    cancelling.cancel_order(token)
    assert uses() == (1, 1), "what was had and given up was used"


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "OTHER"}, {"members_only": True}, {"ends_at": "past"}, {"starts_at": "future"}, {"max_uses": 1, "uses": 1},
        {"scope": VoucherScope.KIND, "item_kind": ItemKind.MEMBERSHIP},
        {"scope": VoucherScope.SESSION, "club_session_id": "other"},
    ],
    ids=lambda changes: "-".join(changes),
)  # fmt: skip
@pytest.mark.databases("sqlite")
def test_every_reason_has_the_same_answer_and_leaves_nothing(app: Flask, changes: dict[str, Any]) -> None:
    club_session, now = make_club_session(), app_clock.now()
    moments = {"past": now - timedelta(days=1), "future": now + timedelta(days=1)}
    values = {name: moments.get(value, value) for name, value in changes.items()}
    if values.get("club_session_id") == "other":
        values["club_session_id"] = make_club_session().id
    voucher = make_voucher(**values)
    with pytest.raises(VoucherRefused) as refused:
        begin(club_session, **QUARTER)
    assert (refused.value.field, refused.value.status, refused.value.text) == ("code", 422, VoucherRefused.text)
    assert count_of(Order) == count_of(VoucherUse) == taken(club_session) == 0
    with transaction() as db:
        db.execute(update(Voucher).where(Voucher.id == voucher.id).values(uses=0))


@pytest.mark.databases("sqlite")
def test_price_must_have_been_seen_with_the_code(app: Flask) -> None:
    club_session, _ = make_club_session(), make_voucher()
    for expected in (None, 1200, 899):
        with pytest.raises(PriceChanged):
            begin(club_session, code="SUMMER", expected_total_cents=expected)
    assert count_of(Order) == 0 and uses() == (0, 0)


def test_same_person_uses_it_as_often_as_allowed_and_somebody_else_still_can(app: Flask, stripe_simulator: Any) -> None:
    make_voucher(max_uses_each=1)
    begin(make_club_session(), email="ana@example.org", **QUARTER)
    with pytest.raises(VoucherRefused):
        begin(make_club_session(), email="ana@example.org", **QUARTER)
    begin(make_club_session(), email="bo@example.org", **QUARTER)
    assert uses() == (2, 2)


def test_order_given_up_or_out_of_time_gives_its_use_back_once(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    club_session, _ = make_club_session(), make_voucher(max_uses=1)
    first = begin(club_session, **QUARTER)
    assert uses() == (1, 1)
    ending.give_up(first)
    assert uses() == (0, 0)
    begin(club_session, **QUARTER)
    clock.advance(hours=2)
    work()
    work()
    assert uses() == (0, 0) and taken(club_session) == 0


def test_checkout_that_cannot_be_opened_gives_its_use_back(app: Flask, stripe_simulator: Any) -> None:
    make_voucher(max_uses=1)
    stripe_simulator.control.fail("checkout.create", kind="refused", times=2, stored=False)
    with pytest.raises(PaymentsDown):
        begin(make_club_session(), **QUARTER)
    assert the(Order).status == "expired" and uses() == (0, 0)


def test_late_payment_keeps_its_price_and_takes_the_use_again(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    make_voucher(max_uses=1)
    token = begin(make_club_session(), **QUARTER)
    clock.advance(hours=2)
    work()
    assert states(token)[0] == "expired" and uses() == (0, 0)
    pay_late(stripe_simulator, token)
    assert states(token)[:2] == ("paid", "registered") and uses() == (1, 1)
    assert [entry.action for entry in all_of(AuditEntry) if entry.action.startswith("code_")] == [
        "code_used", "code_given_back", "code_used_again",
    ]  # fmt: skip


def test_late_payment_keeps_its_price_although_the_last_use_has_gone(
    app: Flask, stripe_simulator: Any, clock: FakeClock
) -> None:
    make_voucher(max_uses=1)
    token = begin(make_club_session(), **QUARTER)
    clock.advance(hours=2)
    work()
    begin(make_club_session(), **QUARTER)
    pay_late(stripe_simulator, token)
    assert states(token)[:2] == ("paid", "registered") and the(Order, token=token).total_cents == 900
    assert uses() == (1, 1), "never past the limit"
    assert "code_used_over" in [entry.action for entry in all_of(AuditEntry)]


def test_refund_does_not_give_the_use_back(app: Flask, stripe_simulator: Any) -> None:
    make_voucher(max_uses=1)
    token = begin(make_club_session(), **QUARTER)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert cancelling.cancel_order(token) == 900
    work()
    stripe_simulator.deliver()
    assert uses() == (1, 1) and balances() == {}


def test_joining_with_a_booking_is_discounted_too_and_never_free_for_a_visitor(app: Flask, stripe_simulator: Any) -> None:
    plan, club_session = make_plan(price_cents=6000), make_club_session()
    make_voucher()
    make_voucher(code="GIFT", kind=VoucherKind.FREE, percent=None)
    joins = {"join_plan": plan.slug, "expected_price_cents": 800}
    with pytest.raises(InvalidInput):
        begin(club_session, code="GIFT", expected_total_cents=0, **joins)
    assert count_of(Order) == 0
    begin(club_session, code="SUMMER", expected_total_cents=600 + 4500, **joins)
    assert the(Order).total_cents == stripe_simulator.checkout()["amount_total"] == 5100
    assert the(VoucherUse).saved_cents == 1700


def test_next_attempt_to_pay_asks_the_same_price_with_the_same_words(app: Flask, stripe_simulator: Any) -> None:
    make_voucher()
    token = begin(make_club_session(), **QUARTER)
    first = the(Payment)
    gateway().expire_checkout(first.checkout_id or "")
    stripe_simulator.deliver()
    checkout.pay(token)
    last = all_of(Payment)[-1]
    assert last.id != first.id and last.params["line_items"] == first.params["line_items"] and uses() == (1, 1)


def test_database_itself_refuses_a_use_too_many(app: Flask) -> None:
    voucher = make_voucher(max_uses=1)
    with pytest.raises(IntegrityError), transaction() as db:
        db.execute(update(Voucher).where(Voucher.id == voucher.id).values(uses=2))


@pytest.mark.databases("sqlite")
def test_staff_change_and_end_a_code_for_later_orders_alone(app: Flask, stripe_simulator: Any) -> None:
    quarter = VoucherFields(VoucherKind.PERCENTAGE, percent=25)
    voucher_id = voucher_desk.create(" summer ", quarter, "user:1")
    with pytest.raises(InvalidInput):
        voucher_desk.create("SUMMER", quarter, "user:1")
    begin(make_club_session(), **QUARTER)
    begin(make_club_session(), **QUARTER)
    with pytest.raises(InvalidInput) as refused:
        voucher_desk.edit(voucher_id, VoucherFields(VoucherKind.PERCENTAGE, percent=50, max_uses=1), "user:1")
    assert refused.value.field == "max_uses"
    voucher_desk.edit(voucher_id, VoucherFields(VoucherKind.PERCENTAGE, percent=50, max_uses=2), "user:1")
    assert {order.total_cents for order in all_of(Order)} == {900}
    voucher_desk.end(voucher_id, "user:1")
    with pytest.raises(VoucherRefused):
        begin(make_club_session(), code="SUMMER", expected_total_cents=600)
    assert [e.action for e in all_of(AuditEntry) if e.subject_kind == "voucher"] == ["code_created", "code_edited", "code_ended"]


def test_applicant_without_a_code_is_asked_nothing_about_it(app: Flask) -> None:
    assert applicant().code == ""
