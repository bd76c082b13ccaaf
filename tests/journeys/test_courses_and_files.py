"""A course from the desk to the person who learns from it, and its money back, in a real browser. JavaScript is off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.models import OutgoingEmail, Product, ProductFile
from app.rules.statuses import Role
from tests.journeys.walk import CARD, Walk
from tests.support.browser import click_through
from tests.support.factories import PASSWORD, make_user
from tests.support.rows import the
from tests.support.shop import PDF, has_access

pytestmark = [pytest.mark.browser, pytest.mark.databases("sqlite")]
STAFF = "sam@club.example"


def sign_in(walk: Walk) -> None:
    walk.open("/account/sign-in")
    walk.fill(email=STAFF, password=PASSWORD)
    walk.press("Sign in")


def test_course_is_made_sold_read_downloaded_and_paid_back(
    walk: Walk, stripe: Any, work: Callable[[], None], tmp_path: Path
) -> None:
    make_user(email=STAFF, role=Role.STAFF, password=PASSWORD)
    sheet = tmp_path / "practice sheet.pdf"
    sheet.write_bytes(PDF)
    sign_in(walk)
    walk.open("/admin/products")
    walk.follow("New course or file")
    walk.page.get_by_label("A course: pages to read, with files if you like").check()
    walk.fill(title="Serve like you mean it", summary="Two lessons.", price="45", member_price="30", stock="1")
    walk.look("a new course")
    walk.press("Save")
    for title, body in (("The grip", "Hold it **loosely**."), ("The serve", "- Push\n- Do not hit")):
        walk.follow("Write a page")
        walk.fill(title=title, body=body)
        walk.press("Preview")
        assert walk.page.locator(".prose").count() == 1
        walk.press("Save")
    walk.follow("Upload a file")
    walk.page.locator("[name=file]").set_input_files(sheet)
    walk.look("uploading a file")
    walk.press("Upload")
    walk.press("Put it on sale")
    walk.look("a course at the desk")
    assert "On sale" in walk.fact("State")
    walk.press("Sign out")

    walk.open("/products")
    walk.look("what is on sale")
    walk.follow("Serve like you mean it")
    walk.look("a course on sale")
    walk.press("Buy it")
    walk.fill(name="Ana Petrova", email="ana@example.org")
    walk.look("basket with a course")
    walk.press("Pay NZ$45.00")
    assert walk.pay_with(CARD, words="Pay NZ$45.00") == 200
    assert walk.h1 == "Yours to keep"
    walk.look("order of a course")
    order = walk.path.rpartition("/")[2]
    stripe.deliver()
    work()

    text = the(OutgoingEmail, template="purchased").text_body or ""
    walk.open(next(word for word in text.split() if "/purchases/" in word))
    walk.look("a course that was bought")
    with walk.page.expect_download() as download:
        walk.link("Download practice sheet.pdf").click()
    assert download.value.suggested_filename == "practice sheet.pdf" and Path(download.value.path()).read_bytes() == PDF
    assert the(ProductFile).downloads == 1
    walk.follow("Begin with page 1")
    walk.look("a page of a course")
    click_through(walk.page.get_by_role("link", name="Next"))
    assert walk.h1 == "The serve" and "Do not hit" in walk.text
    opened = walk.path
    walk.open("/products/serve-like-you-mean-it")
    assert "Sold out" in walk.text

    sign_in(walk)
    walk.open("/admin/products/serve-like-you-mean-it/buyers")
    walk.look("who bought a course")
    click_through(walk.page.get_by_role("link", name="Refund it"))
    walk.fill(reason="Asked by phone")
    walk.look("refunding a course")
    walk.press("Continue")
    walk.look("a refund of a course checked")
    walk.press("Refund NZ$45.00")
    assert "Paid back" in walk.text and not has_access(order)
    work()
    assert walk.open(opened) == 410 and "can no longer be opened" in walk.text
    walk.look("a course that was paid back")
    assert (the(Product).stock_taken, stripe.control.payments()[-1]["amount_refunded"]) == (0, 4500)
