"""Hidden fields that hold no number, or one beyond every price: nobody can mend them, so the page asks again."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import Order, Registration
from app.rules.statuses import Role
from tests.support.factories import PASSWORD, make_club_session, make_plan, make_user
from tests.support.hosting import make_draft
from tests.support.pages import Page, PageClient
from tests.support.rows import count_of
from tests.web.desk import sign_in
from tests.web.test_basket import put

HUGE = ["9" * 30, "-" + "9" * 30, "9" * 5000]
NONE = [*HUGE, "--5", "²", "5.0"]


@pytest.fixture(autouse=True)
def _no_token(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False


def asked_again(page: Page) -> bool:
    return page.status == 409 and "price has changed" in page.text and count_of(Order) == 0


@pytest.mark.parametrize("typed", HUGE)
def test_price_of_a_place_is_asked_again(app: Flask, pages: PageClient, typed: str) -> None:
    path = f"/sessions/{make_club_session().slug}/register"
    fields = {"name": "Ana", "email": "ana@club.example", "places": "1", "expected_price_cents": typed}
    assert pages.post(f"{path}/check", fields).status == 200
    assert asked_again(pages.post(path, fields))


@pytest.mark.parametrize("typed", HUGE)
def test_price_of_a_basket_and_of_a_membership_is_asked_again(app: Flask, pages: PageClient, typed: str) -> None:
    fields = {"name": "Ana", "email": "ana@club.example", "expected_price_cents": typed, "expected_total_cents": typed}
    put(pages, "registration", make_club_session().slug, quantity=1)
    assert asked_again(pages.post("/basket/checkout", fields))
    assert asked_again(pages.post(f"/membership/{make_plan().slug}/join", fields))


@pytest.mark.parametrize("typed", HUGE[:2])
def test_fee_of_a_listing_is_asked_again(app: Flask, pages: PageClient, typed: str) -> None:
    make_draft(make_user(email="hana@club.example", password=PASSWORD), slug="pottery")
    pages.sign_in("hana@club.example", PASSWORD)
    assert asked_again(pages.post("/host/pottery/pay", {"expected_total_cents": typed}))


@pytest.mark.parametrize("typed", NONE)
@pytest.mark.parametrize("field", ["expected", "overbook_to"])
def test_desk_adds_nobody_for_a_price_or_past_a_capacity_that_is_no_number(
    app: Flask, pages: PageClient, field: str, typed: str
) -> None:
    make_club_session(slug="badminton", capacity=0 if field == "overbook_to" else 5)
    sign_in(pages, Role.STAFF)
    fields = {"name": "Ana", "places": "1", "how": "cash", "reason": "asked", "step": "do", "expected": "1200", field: typed}
    assert pages.post("/admin/sessions/badminton/add", fields).status < 500
    assert field == "overbook_to" or count_of(Registration) == 0
