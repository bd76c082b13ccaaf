"""The treasurer's lists: orders, payments, refunds and the ledger, found, filtered, sorted and paged; and one order's page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession, Order, Payment, Refund, Registration
from app.rules.statuses import RefundStatus, Role
from app.services import ledger, reconciling, staff_actions
from app.transaction import transaction
from tests.support.booking import begin, order_of, work
from tests.support.clock import FakeClock
from tests.support.contract import text_of
from tests.support.factories import make_club_session, make_plan, make_user
from tests.support.money import many_orders
from tests.support.pages import Page, PageClient
from tests.support.rows import the
from tests.web.desk import book, sign_in

LISTS = ("orders", "payments", "refunds", "ledger")


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


@pytest.fixture
def badminton(app: Flask) -> ClubSession:
    return make_club_session(slug="badminton", title="Badminton")


def rows_of(page: Page) -> list[str]:
    return [text_of(row) for body in page.tree.all("tbody") for row in body.iter("tr")]


def names_of(page: Page) -> list[str]:
    return [row.partition("@")[0].rpartition(" ")[0] for row in rows_of(page)]


def test_each_list_says_what_comes_when_it_is_empty(pages: PageClient) -> None:
    said = {"orders": "No orders yet", "payments": "No payments yet", "refunds": "No refunds yet"}
    for name in LISTS:
        assert said.get(name, "No money has moved yet") in pages.get(f"/admin/money/{name}").text


def test_an_order_paid_and_partly_refunded_reads_the_same_in_every_list(pages: PageClient, stripe_simulator: Any) -> None:
    token = begin(make_club_session(title="Badminton"), name="Aroha Ngata", email="aroha@club.example")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    booking = the(Order, token=token)
    staff_actions.refund(the(Registration, order_id=booking.id).token, 500, "Half the time", "user:1", once="k" * 20)
    work()
    reconciling.reconcile()
    payment, refund = the(Payment), the(Refund)
    (order,) = rows_of(pages.get("/admin/money/orders"))
    for words in ("Aroha Ngata", "aroha@club.example", "Badminton", "NZ$12.00", "NZ$5.00", "Paid", booking.reference):
        assert words in order
    (paid,) = rows_of(pages.get("/admin/money/payments"))
    for words in ("NZ$12.00", "NZ$0.62", "NZ$5.00", "Stripe", payment.payment_intent_id or "-"):
        assert words in paid
    (back,) = rows_of(pages.get("/admin/money/refunds"))
    for words in ("NZ$5.00", "By the committee", refund.provider_ref or "-"):
        assert words in back
    books = rows_of(pages.get("/admin/money/ledger"))
    assert len(books) == 4 and "Sessions" in books[-1] and "NZ$12.00" in books[-1], "newest first"


@pytest.mark.parametrize("query", ["q=aroha", "q=NGATA+aroha", "q=cs_test_1", "q=aroha%40club.example"])
def test_an_order_is_found_by_name_address_and_stripe_id(pages: PageClient, badminton: ClubSession, query: str) -> None:
    book(badminton, "Aroha Ngata", paid_cents=1200, checkout_id="cs_test_1", email="aroha@club.example")
    book(badminton, "Ben Smith", paid_cents=1200, checkout_id="cs_test_2")
    for name in ("orders", "payments"):
        assert [row for row in rows_of(pages.get(f"/admin/money/{name}?{query}")) if "Ben" in row] == []
        assert len(rows_of(pages.page)) == 1  # type: ignore[arg-type]


def test_it_is_found_by_reference_and_by_the_id_of_its_refund(pages: PageClient, badminton: ClubSession) -> None:
    booked = book(badminton, "Aroha", paid_cents=1200, refunded_cents=200)
    book(badminton, "Ben", paid_cents=1200, refunded_cents=300)
    with transaction() as db:
        db.get_one(Refund, the(Refund, amount_cents=200).id).provider_ref = "re_1"
    reference = the(Order, token=booked.order_token).reference
    for query in ("re_1", reference.lower()):
        for name in ("orders", "payments", "refunds"):
            assert names_of(pages.get(f"/admin/money/{name}?q={query}")) == ["Aroha"], (name, query)


def test_lists_are_filtered_by_state_kind_way_to_pay_and_day(
    pages: PageClient, badminton: ClubSession, stripe_simulator: Any, clock: FakeClock
) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    book(badminton, "Ben")
    with transaction() as db:
        db.get_one(Payment, the(Payment).id).provider = "cash"
    clock.advance(days=2)
    make_user(email="chloe@club.example")
    begin(badminton, name="Chloe", email="chloe@club.example", join_plan=make_plan().slug, expected_price_cents=800)
    shown = {
        "orders?status=paid": ["Aroha"], "orders?kind=membership": ["Chloe"], "orders?from=2026-03-04": ["Chloe"],
        "orders?to=2026-03-03": ["Ben", "Aroha"], "payments?provider=cash": ["Aroha"], "payments?status=open": ["Chloe"],
        "payments?kind=membership": ["Chloe"], "orders?status=nonsense&kind=nonsense&sort=nonsense": ["Chloe", "Ben", "Aroha"],
    }  # fmt: skip
    for address, names in shown.items():
        assert names_of(pages.get(f"/admin/money/{address}")) == names, address


def test_the_ledger_is_filtered_by_account(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    with transaction() as db:
        ledger.book(db, "b", ledger.FEES, ledger.CLEARING, 62, "NZD", payment_id=the(Payment).id)
    (row,) = rows_of(pages.get("/admin/money/ledger?kind=fees:stripe"))
    assert "NZ$0.62" in row and "Aroha" in row
    assert len(rows_of(pages.get("/admin/money/ledger?q=aroha"))) == 2


def test_lists_are_sorted_by_age_and_amount(pages: PageClient, badminton: ClubSession) -> None:
    for name, cents in (("Aroha", 1200), ("Ben", 3600), ("Chloe", 800)):
        book(badminton, name, paid_cents=cents)
    orders = {"newest": ["Chloe", "Ben", "Aroha"], "oldest": ["Aroha", "Ben", "Chloe"],
              "largest": ["Ben", "Aroha", "Chloe"], "smallest": ["Chloe", "Aroha", "Ben"]}  # fmt: skip
    for sort, names in orders.items():
        assert names_of(pages.get(f"/admin/money/orders?sort={sort}")) == names


def test_a_day_that_cannot_be_read_is_told_so_and_the_rest_still_filters(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200)
    page = pages.get("/admin/money/orders?from=yesterday&q=nobody")
    assert page.status == 422 and page.errors == ["Enter a real date as day, month and year, like 21/11/2026"]
    assert "Nothing fits that search" in page.text


def test_a_thousand_orders_take_as_many_statements_as_three_and_have_pages(
    pages: PageClient, badminton: ClubSession, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    seen: dict[int, list[int]] = {}
    for number in (3, 1000):
        many_orders(badminton, number)
        seen[number] = []
        for name in LISTS:
            with statements() as run:
                page = pages.get(f"/admin/money/{name}")
            seen[number].append(len(run))
            assert len(rows_of(page)) == min(50, page_total(page))
    assert seen[3] == seen[1000] and max(seen[1000]) <= 6, seen
    assert "1,003 orders" in pages.get("/admin/money/orders").text.replace("1003", "1,003")
    pages.get("/admin/money/orders?q=person&sort=oldest")
    page = pages.click("Next")
    assert "page=2" in page.url and "q=person" in page.url and "sort=oldest" in page.url


def page_total(page: Page) -> int:
    return int(next(iter(text_of(caption) for caption in page.tree.all("caption"))).split()[0].replace(",", ""))


def test_an_orders_page_tells_everything_about_it(pages: PageClient, stripe_simulator: Any) -> None:
    person = make_user(email="aroha@club.example", name="Aroha Ngata")
    token = begin(make_club_session(title="Badminton"), name="Aroha Ngata", email="aroha@club.example", user_id=person.id,
                  join_plan=make_plan().slug, expected_price_cents=800)  # fmt: skip
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    reconciling.reconcile()
    page = pages.get(f"/admin/money/orders/{token}")
    order = order_of(token)
    assert page.h1 == f"Order {order.reference}"
    for words in ("Aroha Ngata", "Annual membership", "Memberships · 1 × NZ$60.00", "NZ$68.00", "Payment arrived", "Sent",
                  "To (debit)", "Sessions", the(Payment).payment_intent_id or "-"):  # fmt: skip
        assert words in page.text, words
    assert pages.click("Badminton").path.startswith("/admin/registrations/")
    assert pages.click("Its order and the books").path == f"/admin/money/orders/{token}"


def test_an_order_without_a_booking_has_a_page_too(pages: PageClient) -> None:
    with transaction() as db:
        order = Order(email="aroha@club.example", name="Aroha", currency="NZD", total_cents=6000, attempt="x" * 20)
        db.add(order)
        db.flush()
        token = order.token
    page = pages.get(f"/admin/money/orders/{token}")
    assert "Nothing has been paid." in page.text and "Not paid" in page.text
    assert pages.get(f"/admin/money/orders/{'w' * 32}").status == 404


def test_the_desk_sees_no_money(pages: PageClient) -> None:
    sign_in(pages, Role.DESK)
    for name in LISTS:
        assert pages.get(f"/admin/money/{name}").status == 403


def test_refund_that_failed_shows_why(pages: PageClient, badminton: ClubSession) -> None:
    book(badminton, "Aroha", paid_cents=1200, refunded_cents=500)
    with transaction() as db:
        refund = db.get_one(Refund, the(Refund).id)
        refund.status, refund.last_error = RefundStatus.FAILED, "expired_or_canceled_card"
    (row,) = rows_of(pages.get("/admin/money/refunds?status=failed"))
    assert "Failed" in row and "the card has expired or was cancelled" in row


@pytest.mark.databases("sqlite")
def test_filters_are_folded_away_until_one_is_in_force(pages: PageClient, badminton: ClubSession) -> None:
    many_orders(badminton, 2)
    for path in ("/admin/money/orders", "/admin/money/ledger", "/admin/registrations", "/admin/sessions/badminton"):
        plain, searched = pages.get(path), pages.get(f"{path}?q=ngata")
        ordered = pages.get(f"{path}?sort=oldest")
        assert [_folded(page) for page in (plain, searched, ordered)] == [True, True, False], path


def _folded(page: Page) -> bool:
    (filters,) = page.tree.with_class("filters__more")
    return filters.get("open") is None
