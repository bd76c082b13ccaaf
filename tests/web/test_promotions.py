"""Promotion codes of Stripe on the pages: the setting, what the form says before paying, what the order says after."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import ClubSession, Order
from app.rules.statuses import Role
from tests.support.factories import PASSWORD, make_club_session, make_user, make_voucher
from tests.support.pages import PageClient
from tests.support.promotions import make_promotion, pay_with_code
from tests.support.rows import the
from tests.support.stripe import StripeSimulator

pytestmark = pytest.mark.databases("sqlite")
SAYS = "you enter it there"


def check(pages: PageClient, club_session: ClubSession, **values: object) -> str:
    pages.get(f"/sessions/{club_session.slug}/register")
    return pages.submit("/register", name="Ana Lee", email="ana@example.org", **values).text


def test_check_page_says_it_only_where_stripes_page_will_ask(app: Flask, pages: PageClient) -> None:
    make_voucher()
    one = make_club_session(allow_promotion_codes=True)
    assert SAYS in check(pages, one)
    assert SAYS not in check(pages, one, code="SUMMER")
    assert SAYS not in check(pages, make_club_session())


@pytest.mark.parametrize(("percent", "saved", "total"), [(20, "NZ$2.40", "NZ$9.60"), (100, "NZ$12.00", "NZ$0.00")])
def test_order_page_says_what_was_taken_off_and_paid(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator, percent: int, saved: str, total: str
) -> None:
    make_promotion(stripe_simulator, percent_off=percent)
    check(pages, make_club_session(allow_promotion_codes=True))
    pages.submit("/register", follow=False)
    pay_with_code(stripe_simulator)
    token = the(Order).token
    back = pages.get(f"/orders/{token}/success?session_id={stripe_simulator.checkout()['id']}")
    assert (back.h1, back.path) == ("You are registered", f"/orders/{token}")
    assert f"Promotion code: you save {saved}" in back.text and total in back.text
    stripe_simulator.deliver()
    staff = make_user(role=Role.STAFF, password=PASSWORD)
    pages.sign_in(staff.email, PASSWORD)
    desk = pages.get(f"/admin/money/orders/{token}")
    assert "Promotion code" in desk.text and total in desk.text


def test_staff_tick_it_and_see_it_ticked(app: Flask, pages: PageClient) -> None:
    staff, one = make_user(role=Role.STAFF, password=PASSWORD), make_club_session(slug="walk")
    pages.sign_in(staff.email, PASSWORD)
    page = pages.get("/admin/sessions/walk/edit")
    assert page.form("/edit")["allow_promotion_codes"] == ""
    pages.submit("/edit", allow_promotion_codes=True)
    assert the(ClubSession, id=one.id).allow_promotion_codes is True
    assert pages.get("/admin/sessions/walk/edit").form("/edit")["allow_promotion_codes"] != ""
    pages.submit("/edit", allow_promotion_codes=False)
    assert the(ClubSession, id=one.id).allow_promotion_codes is False
