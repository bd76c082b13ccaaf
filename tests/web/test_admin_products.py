"""The desk's courses and files: made, filled, previewed, put on sale, sold, paid back; and uploads that only staff can make."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask

from app import security
from app.models import AuditEntry, CoursePage, Product, ProductFile, Refund
from app.rules.statuses import Role
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.shop import PDF, PNG, begin_product, buy, has_access, make_course, make_file, pages_of, purchase_of
from tests.support.stripe import StripeSimulator
from tests.web.desk import sign_in

pytestmark = pytest.mark.databases("sqlite")
LARGE = b"%PDF-1.7\n" + b"x" * 200_000


@pytest.fixture
def desk(app: Flask, pages: PageClient) -> PageClient:
    sign_in(pages, Role.STAFF)
    return pages


def send(pages: PageClient, path: str, content: bytes, name: str, **fields: str) -> Page:
    """Open the form at this address and send a file with it."""
    form = pages.get(path).form(path)
    given = {field: form[field] for field in form.names} | fields
    return pages.post(path, {**given, "file": (io.BytesIO(content), name)})


def test_course_is_made_filled_previewed_and_put_on_sale(app: Flask, desk: PageClient) -> None:
    assert "There is none yet" in desk.get("/admin/products").text
    desk.get("/admin/products/new")
    page = desk.submit("/admin/products/new", kind="course", title="Serve", price="45", member_price="30.00", stock="12")
    assert page.path == "/admin/products/serve" and "once there is a page in it" in page.text
    row = the(Product)
    assert (row.price_cents, row.member_price_cents, row.stock, row.status) == (4500, 3000, 12, "draft")
    desk.get("/admin/products/serve/pages/new")
    page = desk.submit("/pages/new", button="Preview", title="The grip", body="Hold it **loosely**.")
    assert "It is not kept yet." in page.text and "<strong>loosely</strong>" in page.html and count_of(CoursePage) == 0
    assert "The page is there." in desk.submit("/pages/new", button="Save").text
    page = send(desk, "/admin/products/serve/files/new", PDF, "grip.pdf", course_page=str(the(CoursePage).id))
    assert "The file is there." in page.text and "on the page “The grip”" in page.text
    assert desk.click("Preview").h1 == "Serve" and "It is not on sale" in desk.page.text and not desk.page.forms[1:]  # type: ignore[union-attr]
    assert PageClient(app).get("/products/serve").status == 404
    desk.get("/admin/products/serve")
    assert "It is on sale." in desk.submit("/publish").text
    assert desk.click("What people see").h1 == "Serve"
    assert "12 left" in desk.get("/products").text
    desk.get("/admin/products/serve")
    assert "Who has it keeps it" in desk.submit("/unpublish").text
    assert [entry.action for entry in all_of(AuditEntry, subject_kind="product")] == [
        "product_created", "course_page_added", "file_added", "product_published", "product_unpublished",
    ]  # fmt: skip


def test_words_price_and_stock_are_changed(desk: PageClient, stripe_simulator: StripeSimulator) -> None:
    make_file(title="Warm-up card", stock=3)
    begin_product("warm-up-card", "a@example.org")
    begin_product("warm-up-card", "b@example.org")
    form = desk.get("/admin/products/warm-up-card/edit").form("/edit")
    assert (form["price"], form["member_price"], form["stock"]) == ("12.00", "8.00", "3")
    page = desk.submit("/edit", stock="1")
    assert page.status == 422 and page.errors == ["More than that have been sold or are being paid for."]
    assert "It is changed." in desk.submit("/edit", stock="", price="15").text
    assert (the(Product).price_cents, the(Product).stock) == (1500, None)


@pytest.mark.parametrize(
    "typed",
    [{"title": ""}, {"price": "a lot"}, {"price": "0.10"}, {"member_price": "0.10"}, {"stock": "0"}, {"stock": "many"}],
    ids=str,
)
def test_product_that_makes_no_sense_comes_back_with_what_to_do(desk: PageClient, typed: dict[str, str]) -> None:
    desk.get("/admin/products/new")
    page = desk.submit("/admin/products/new", **{"title": "Card", "price": "12", **typed})
    assert page.status == 422 and page.errors and page.title.startswith("Error: ") and count_of(Product) == 0


@pytest.mark.parametrize(
    ("content", "name", "most", "says"),
    [
        (b"<html>", "page.html", 1, "one of the kinds that are listed"),
        (PNG, "card.pdf", 1, "one of the kinds that are listed"),
        (b"", "card.pdf", 1, "not empty"),
        (PDF, "card.pdf", 0, "0 MB or less"),
    ],
    ids=["page", "picture", "empty", "large"],
)
def test_file_that_may_not_be_uploaded_comes_back_with_why(
    app: Flask, desk: PageClient, content: bytes, name: str, most: int, says: str
) -> None:
    app.extensions["muster_settings"] = app.extensions["muster_settings"].with_(file_megabytes=most)
    make_course(title="Serve")
    page = send(desk, "/admin/products/serve/files/new", content, name)
    assert page.status == 422 and says in page.errors[0] and count_of(ProductFile) == 0


def test_no_file_chosen_is_said(desk: PageClient) -> None:
    make_course(title="Serve")
    desk.get("/admin/products/serve/files/new")
    assert desk.submit("/files/new").errors == ["Choose a file"]


def test_staff_may_send_a_large_file_and_nobody_else_a_large_body(app: Flask, desk: PageClient) -> None:
    """The limit is raised before the token of the form is read, and for staff alone. (A small limit, for a small file.)"""
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    make_course(title="Serve")
    path = "/admin/products/serve/files/new"
    assert "The file is there." in send(desk, path, LARGE, "long.pdf").text
    assert the(ProductFile).size_bytes == len(LARGE)
    for role in (Role.DESK, Role.NONE):
        sign_in(desk, role)
        assert desk.post(path, {"file": (io.BytesIO(LARGE), "long.pdf")}).status == 413
    assert PageClient(app).post(path, {"file": (io.BytesIO(LARGE), "long.pdf")}).status == 413
    assert desk.post("/basket/checkout", {"file": (io.BytesIO(LARGE), "long.pdf")}).status == 413
    assert count_of(ProductFile) == 1


def test_large_file_is_refused_even_to_staff_without_the_hook(app: Flask, desk: PageClient) -> None:
    """The twin: the check of the form's token reads the body under the usual limit."""
    make_course(title="Serve")
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    app.before_request_funcs[None].remove(security._allow_files)
    assert send(desk, "/admin/products/serve/files/new", LARGE, "long.pdf").status == 413


def test_file_is_looked_at_uncounted_replaced_and_removed(desk: PageClient) -> None:
    make_file(title="Warm-up card", published=False)
    file = the(ProductFile)
    path = f"/admin/products/warm-up-card/files/{file.id}"
    answer = desk.http.get(path, base_url=desk.base_url)
    assert answer.get_data() == PDF and answer.headers["Cache-Control"] == "no-store" and the(ProductFile).downloads == 0
    answer.close()
    assert "The file is replaced." in send(desk, f"{path}/replace", PNG, "poster.png").text
    assert (the(ProductFile).name, the(ProductFile).token) == ("poster.png", file.token)
    assert "Nobody has bought this yet." in desk.get(f"{path}/remove").text
    assert "The file is removed." in desk.submit("/remove").text and count_of(ProductFile) == 0


def test_last_file_of_what_is_on_sale_stays(desk: PageClient) -> None:
    make_file(title="Warm-up card")
    desk.get(f"/admin/products/warm-up-card/files/{the(ProductFile).id}/remove")
    assert "This is the last of what people pay for." in desk.submit("/remove").text and count_of(ProductFile) == 1


def test_pages_are_ordered_changed_and_removed(desk: PageClient) -> None:
    make_course("One", "Two", title="Serve")
    first, second = pages_of("serve")
    desk.get("/admin/products/serve")
    desk.submit(f"/pages/{second.id}/move", button="Earlier")
    assert [page.title for page in pages_of("serve")] == ["Two", "One"]
    assert desk.get(f"/admin/products/serve/pages/{first.id}/edit").form("/edit")["body"] == "About *one*."
    desk.submit("/edit", button="Save", body="Better.")
    desk.get(f"/admin/products/serve/pages/{second.id}/remove")
    desk.submit("/remove")
    assert [(page.title, page.body) for page in pages_of("serve")] == [("One", "Better.")]


def test_buyers_are_listed_and_one_is_paid_back(desk: PageClient, stripe_simulator: StripeSimulator) -> None:
    make_file(title="Warm-up card", stock=5)
    token = buy(stripe_simulator, "warm-up-card")
    page = desk.get("/admin/products/warm-up-card/buyers")
    assert "Ana Lee" in page.text and "ana@example.org" in page.text and "NZ$12.00" in page.text and "4 of 5 left" in page.text
    path = f"/admin/purchases/{purchase_of(token).order_item_id}/refund"
    assert path in desk.get("/admin/money/orders/" + token).html
    assert desk.get(path).form(path)["amount"] == "12.00"
    desk.submit(path, button="Continue", amount="12", reason="Asked by phone")
    assert "can no longer be opened" in desk.page.text and has_access(token)  # type: ignore[union-attr]
    page = desk.submit(path, button="Refund NZ$12.00")
    assert "NZ$12.00 goes back to Ana Lee." in page.text and "Paid back" in page.text
    assert (the(Refund).amount_cents, has_access(token)) == (1200, False)
    assert "Nothing is left to refund." in desk.get(path).text
    order = desk.get("/admin/money/orders/" + token)
    assert "Course or file closed to the buyer" in order.text and "Asked by phone" in order.text and path not in order.html
    assert "Ana Lee, Warm-up card" in desk.get("/admin/audit").text


def test_pages_of_the_desk_take_a_fixed_number_of_statements(desk: PageClient, statements: Any) -> None:
    counts = []
    for _ in range(2):
        make_course(title="Serve", price_cents=0)
        begin_product("serve")
        row = []
        for path in ("/admin/products", "/admin/products/serve", "/admin/products/serve/buyers"):
            with statements() as seen:
                assert desk.get(path).status == 200
            row.append(len(seen))
        counts.append(row)
    assert counts[0] == counts[1]
