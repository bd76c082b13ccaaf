"""The pages of courses and files: what is on sale, the way through the basket, what was bought, and the downloads."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.models import Order, Product, ProductFile, ProductPurchase, User
from app.services import course_pages, product_access, product_files, products
from app.services.course_pages import PageFields
from tests.support.booking import order_of
from tests.support.factories import PASSWORD, make_membership, make_user
from tests.support.pages import PageClient
from tests.support.rows import the
from tests.support.settings import SITE_URL
from tests.support.shop import (
    PDF,
    STAFF,
    begin_product,
    buy,
    files_of,
    has_access,
    make_course,
    make_file,
    pages_of,
    pay_order,
    purchase_of,
)
from tests.support.stripe import StripeSimulator

pytestmark = pytest.mark.databases("sqlite")
FREE = {"price_cents": 0, "member_price_cents": None}


@pytest.fixture
def member(app: Flask) -> User:
    person = make_user(email="mia@example.org", name="Mia Member", password=PASSWORD)
    make_membership(person)
    return person


def fetch(pages: PageClient, path: str, method: str = "GET", **headers: str) -> Any:
    answer = pages.http.open(path, method=method, base_url=SITE_URL, headers=headers)
    answer.get_data()
    answer.close()  # as a server does
    return answer


def link_to_file(token: str, slug: str) -> str:
    return f"/purchases/{token}/files/{files_of(slug)[0].token}"


def test_list_shows_what_is_on_sale_with_prices_and_what_is_left(app: Flask, pages: PageClient) -> None:
    assert "Nothing is on sale at the moment" in pages.get("/products").text
    make_file(title="Warm-up card", stock=2)
    make_course(title="Serve like you mean it", summary="Three lessons.")
    make_file(title="Not yet", published=False)
    page = pages.get("/products")
    assert "Not yet" not in page.text and "Three lessons." in page.text
    assert "NZ$12.00 members NZ$8.00" in page.text and "2 left" in page.text
    assert pages.click("Warm-up card").h1 == "Warm-up card"
    assert "warm-up.pdf" in pages.page.text  # type: ignore[union-attr]
    assert pages.get("/products/not-yet").status == 404


def test_member_sees_and_pays_the_member_price(member: User, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    make_file(title="Warm-up card")
    pages.sign_in(member.email, PASSWORD)
    page = pages.get("/products/warm-up-card")
    assert "NZ$8.00" in page.text and "Member price" in page.text
    assert "NZ$8.00" in pages.submit("/basket/add/product/warm-up-card").text


def test_guest_buys_through_the_basket_and_opens_it_by_the_link(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    slug = make_course("The grip", "The toss", title="Serve", stock=1)
    product_files.add(slug, io.BytesIO(PDF), "toss.pdf", pages_of(slug)[1].id, STAFF, once="t" * 20)
    pages.get("/products/serve")
    basket = pages.submit("/basket/add/product/serve")
    assert basket.path == "/basket" and "Serve" in basket.text and "We keep it for you for 30 minutes" in basket.text
    left = pages.submit("/basket/checkout", name="Ana Lee", email="ana@example.org")
    assert left.left_for is not None
    token, order = the(ProductPurchase).token, the(Order).token
    assert pages.get(f"/purchases/{token}").status == 404, "nothing is open before it is paid for"
    pay_order(stripe_simulator, order)
    page = pages.get(f"/orders/{order}")
    assert page.h1 == "Yours to keep"
    assert "The grip" in pages.click("Open the course").text
    page = pages.click("Begin with page 1")
    assert page.h1 == "The grip" and "About the grip" in page.text and "Page 1 of 2" in page.text
    page = pages.get(next(url for words, url in page.links.items() if words.startswith("Next")))
    assert page.h1 == "The toss" and "toss.pdf" in page.text and not [w for w in page.links if w.startswith("Next")]
    assert pages.get(f"/purchases/{token}/pages/3").status == 404
    assert pages.get("/products/serve").text.count("Sold out") == 1


def test_sold_out_and_off_sale_are_said_before_anybody_pays(app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    make_file(title="Warm-up card", stock=1)
    pages.get("/products/warm-up-card")
    pages.submit("/basket/add/product/warm-up-card")
    begin_product("warm-up-card", "ben@example.org")
    page = pages.get("/basket")
    assert "This is sold out." in page.text and "Take it out to go on." in page.text
    products.unpublish("warm-up-card", STAFF)
    assert "This is not on sale at the moment." in pages.get("/basket").text
    assert pages.get("/basket/add/product/no-such").status == 404


def test_download_is_the_persons_alone_and_is_counted(app: Flask, pages: PageClient) -> None:
    slug = make_file(content=PDF, name="Tūhoe card.pdf", **FREE)
    token = purchase_of(begin_product(slug)).token
    answer = fetch(pages, link_to_file(token, slug))
    assert (answer.status_code, answer.get_data()) == (200, PDF)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/pdf" and answer.headers["X-Robots-Tag"] == "noindex"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ") and "filename*=UTF-8''T%C5%ABhoe%20card.pdf" in disposition
    assert (the(ProductFile).downloads, the(ProductPurchase).downloads) == (1, 1)
    assert the(ProductPurchase).last_download_at is not None


@pytest.mark.parametrize(
    ("method", "headers", "status", "counted"),
    [("HEAD", {}, 200, 0), ("GET", {"Range": "bytes=4-9"}, 206, 0), ("GET", {"Range": "bytes=0-3"}, 206, 1), ("GET", {}, 200, 1)],
    ids=["head", "middle", "beginning", "whole"],
)
def test_download_in_pieces_counts_once(
    app: Flask, pages: PageClient, method: str, headers: dict[str, str], status: int, counted: int
) -> None:
    slug = make_file(**FREE)
    answer = fetch(pages, link_to_file(purchase_of(begin_product(slug)).token, slug), method, **headers)
    assert (answer.status_code, the(ProductFile).downloads) == (status, counted)
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_link_opens_its_own_product_and_nothing_else(app: Flask, pages: PageClient) -> None:
    mine, other = make_file(**FREE), make_file(**FREE)
    token = purchase_of(begin_product(mine)).token
    assert fetch(pages, link_to_file(token, other)).status_code == 404
    assert fetch(pages, f"/purchases/{token}/files/{'w' * 32}").status_code == 404
    assert fetch(pages, f"/static/{files_of(mine)[0].stored_name}").status_code == 404
    assert not [file for file in (files_of(mine)[0].stored_name, files_of(mine)[0].token) if file in pages.get("/products").html]


def test_paid_back_it_says_so_and_gives_nothing(app: Flask, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    slug = make_course("The grip")
    product_files.add(slug, io.BytesIO(PDF), "grip.pdf", None, STAFF, once="g" * 20)
    token = buy(stripe_simulator, slug)
    bought = purchase_of(token)
    product_access.refund(bought.order_item_id, 4500, "Asked", STAFF, once="a" * 20)
    for path in (f"/purchases/{bought.token}", f"/purchases/{bought.token}/pages/1", link_to_file(bought.token, slug)):
        page = pages.get(path)
        assert page.status == 410 and "paid back" in page.text and "grip.pdf" not in page.text, path
    assert not has_access(token) and "Open the course" not in pages.get(f"/orders/{token}").text


def test_file_that_is_not_on_the_disk_is_not_found(app: Flask, pages: PageClient) -> None:
    slug = make_file(**FREE)
    token = purchase_of(begin_product(slug)).token
    (Path(app.extensions["muster_settings"].files_dir) / files_of(slug)[0].stored_name).unlink()
    assert fetch(pages, link_to_file(token, slug)).status_code == 404
    assert the(ProductFile).downloads == 0


def test_account_lists_what_its_owner_has_and_offers_the_way_in(member: User, pages: PageClient) -> None:
    make_course("The grip", title="Serve", **FREE)
    begin_product("serve", member.email, user_id=member.id)
    pages.sign_in(member.email, PASSWORD)
    assert pages.get("/account").links["Serve"].endswith(f"/purchases/{the(ProductPurchase).token}")
    assert pages.click("Serve").h1 == "Serve"
    assert "You have this already." in pages.get("/products/serve").text
    assert pages.click("Open it").h1 == "Serve"
    known = fetch(pages, "/account/data.json").json["courses_and_files"]
    assert [(one["title"], one["kind"], one["downloads"]) for one in known] == [("Serve", "course", 0)]


def test_each_page_takes_a_fixed_number_of_statements(
    app: Flask, pages: PageClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    counts: list[list[int]] = []
    slug = make_course("One", title="Serve", **FREE)
    token = purchase_of(begin_product(slug)).token
    for round_ in range(2):
        row = []
        for path in ("/products", "/products/serve", f"/purchases/{token}", f"/purchases/{token}/pages/1"):
            with statements() as seen:
                assert pages.get(path).status == 200
            row.append(len(seen))
        counts.append(row)
        product_files.add(slug, io.BytesIO(PDF), "a.pdf", None, STAFF, once=f"file-number-{round_}-of-serve")
        make_file()
    assert counts[0] == counts[1] == [1, 3, 3, 4]


def test_markdown_of_a_page_can_do_no_harm(app: Flask, pages: PageClient) -> None:
    slug = make_course("One", **FREE)
    text = "# Big\n\n<script>alert(1)</script>\n\n[x](javascript:x)"
    course_pages.edit(slug, pages_of(slug)[0].id, PageFields("One", text), STAFF)
    page = pages.get(f"/purchases/{purchase_of(begin_product(slug)).token}/pages/1")
    assert "<h2>Big</h2>" in page.html and "<script>alert" not in page.html and 'href="javascript' not in page.html


def test_order_of_nothing_to_pay_is_done_at_once_and_its_code_of_states_says_so(app: Flask, pages: PageClient) -> None:
    token = begin_product(make_file(**FREE))
    assert order_of(token).status == "paid" and the(Product).stock_taken == 1
    assert fetch(pages, f"/orders/{token}/status").json["items"][0]["kind"] == "product"
