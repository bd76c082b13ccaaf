"""Courses and files bought, run out of, taken off sale, paid back, and bought together with other things (promises 1 to 4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app import clock as app_clock
from app.models import AuditEntry, OutgoingEmail, Product, Refund
from app.rules.products import LastOfProduct, ProductEmpty, ProductNotOnSale, ProductOwned, ProductSoldOut
from app.rules.refusals import InvalidInput
from app.rules.statuses import ItemKind
from app.rules.vouchers import VoucherScope
from app.services import (
    course_pages,
    ending,
    health_check,
    ordering,
    product_files,
    products,
)
from app.services.items import Buyer, Wanted
from app.services.products import ProductFields
from app.transaction import transaction
from tests.support.booking import order_of, pay_late
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_user, make_voucher
from tests.support.parts import come
from tests.support.rows import all_of, the
from tests.support.shop import (
    STAFF,
    begin_product,
    buy,
    empty,
    files_of,
    has_access,
    make_course,
    make_file,
    pages_of,
    pay_order,
    product,
    product_of,
    purchase_of,
)
from tests.support.stripe import StripeSimulator

NOBODY = Buyer()


def text_of(template: str) -> str:
    return the(OutgoingEmail, template=template).text_body or ""


@pytest.mark.databases("sqlite")
def test_receipt_carries_the_link_that_opens_it(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = buy(stripe_simulator, make_course(title="Serve like you mean it"))
    text = text_of("purchased")
    assert f"/purchases/{purchase_of(token).token}" in text and "Open the course" in text and "NZ$45.00" in text
    assert the(AuditEntry, action="access_granted").actor == "stripe"


@pytest.mark.databases("sqlite")
def test_member_pays_the_member_price_and_what_is_free_is_had_at_once(app: Flask, stripe_simulator: StripeSimulator) -> None:
    member = make_user()
    cheaper = begin_product(make_file(), member.email, user_id=member.id, member=True)
    assert order_of(cheaper).total_cents == 800
    free = begin_product(make_file(member_price_cents=0, stock=2), member.email, user_id=member.id, member=True)
    assert (order_of(free).status, has_access(free), product_of(free).stock_taken) == ("paid", True, 1)
    come(stripe_simulator)
    assert "/purchases/" in text_of("purchased")


@pytest.mark.databases("sqlite")
def test_code_takes_something_off_and_counts_for_courses_alone(app: Flask, stripe_simulator: StripeSimulator) -> None:
    make_voucher(scope=VoucherScope.KIND, item_kind=ItemKind.PRODUCT)
    wanted = [Wanted(ItemKind.REGISTRATION, make_club_session().slug), Wanted(ItemKind.PRODUCT, make_file())]
    with transaction() as db:
        quoted = ordering.quote(db, wanted, Buyer("Ana", "ana@example.org"), app_clock.now(), code="SUMMER")
    assert [line.total_cents for line in quoted] == [1200, 900]


def test_last_one_is_kept_while_it_is_paid_and_comes_free_when_it_is_not(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    slug = make_file(stock=1)
    token = begin_product(slug)
    with pytest.raises(ProductSoldOut):
        begin_product(slug, "ben@example.org")
    assert (product(slug).stock_taken, health_check.findings()) == (1, [])
    ending.give_up(token)
    assert (product(slug).stock_taken, purchase_of(token).kept) == (0, False)
    assert has_access(buy(stripe_simulator, slug, "ben@example.org"))
    assert (product(slug).stock_taken, health_check.findings()) == (1, [])


@pytest.mark.databases("sqlite")
def test_late_payment_finds_the_last_one_gone_and_goes_back(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    slug = make_file(stock=1)
    late = begin_product(slug)
    clock.advance(minutes=36)
    ending.end_order(order_of(late).id)
    buy(stripe_simulator, slug, "ben@example.org")
    pay_late(stripe_simulator, late)
    come(stripe_simulator)
    assert (has_access(late), the(Refund).amount_cents, product(slug).stock_taken) == (False, 1200, 1)
    assert "could not be had any more" in text_of("purchase_refunded") and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_taken_off_sale_while_somebody_pays_they_get_it_and_nobody_else_does(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    slug = make_file(stock=5)
    token = begin_product(slug)
    products.unpublish(slug, STAFF)
    with pytest.raises(ProductNotOnSale):
        begin_product(slug, "ben@example.org")
    assert has_access(pay_order(stripe_simulator, token)) and health_check.findings() == []
    assert [entry.action for entry in all_of(AuditEntry, subject_kind="product")][-1] == "product_unpublished"


@pytest.mark.databases("sqlite")
def test_somebody_signed_in_is_told_that_they_have_it_and_a_guest_is_not(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    person, slug = make_user(), make_file(price_cents=0, member_price_cents=None)
    begin_product(slug, person.email, user_id=person.id)
    with pytest.raises(ProductOwned):
        begin_product(slug, person.email, user_id=person.id)
    assert has_access(begin_product(slug, person.email)), "typing an address tells nothing of it"


@pytest.mark.databases("sqlite")
def test_nothing_empty_is_put_on_sale_and_nothing_on_sale_is_emptied(app: Flask) -> None:
    slug = make_file(published=False)
    products.publish(slug, STAFF)
    with pytest.raises(LastOfProduct):
        product_files.remove(slug, files_of(slug)[0].id, STAFF)
    course = make_course("One")
    with pytest.raises(LastOfProduct):
        course_pages.remove(course, pages_of(course)[0].id, STAFF)
    empty(slug)
    with pytest.raises(ProductEmpty):
        products.publish(slug, STAFF)


@pytest.mark.databases("sqlite")
def test_stock_is_never_set_below_what_is_taken(app: Flask, stripe_simulator: StripeSimulator) -> None:
    slug = make_file(stock=2)
    begin_product(slug)
    buy(stripe_simulator, slug, "ben@example.org")
    with pytest.raises(InvalidInput):
        products.edit(slug, ProductFields("Warm up", 1200, stock=1), STAFF)
    products.edit(slug, ProductFields("Warm up", 1500, stock=2), STAFF)
    entry = the(AuditEntry, action="product_edited")
    assert entry.detail["fields"]["price_cents"] == [1200, 1500] and product(slug).stock == 2


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "typed",
    [
        {"title": ""}, {"title": "x" * 201}, {"price_cents": -1}, {"price_cents": 10}, {"member_price_cents": 10}, {"stock": 0},
        {"description": "x" * 50_001},
    ],
    ids=lambda typed: "-".join(f"{name}-{str(value)[:3]}-{len(str(value))}" for name, value in typed.items()),
)  # fmt: skip
def test_product_that_makes_no_sense_is_refused(app: Flask, typed: dict[str, Any]) -> None:
    fields = {"title": "Card", "price_cents": 1200, **typed}
    with pytest.raises(InvalidInput):
        products.edit(make_file(), ProductFields(**fields), STAFF)


@pytest.mark.databases("sqlite")
def test_doctor_sees_a_count_that_is_wrong(app: Flask, stripe_simulator: StripeSimulator) -> None:
    slug = make_file(title="Warm-up card", stock=3)
    buy(stripe_simulator, slug)
    with transaction() as db:
        db.execute(update(Product).values(stock_taken=2))
    assert health_check.findings() == ["warm-up-card: counted 2 taken, its purchases add up to 1."]
