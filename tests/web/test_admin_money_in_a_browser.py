"""The desk's money pages and actions in a real browser: at home on a phone, readable by everybody, done without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.models import AuditEntry, Case, Payment, Refund, Registration, StripeEvent
from app.rules.statuses import RegistrationStatus, Role, SessionStatus
from app.services import cases
from app.transaction import transaction
from tests.support.browser import aside, axe_check, click_through, fits
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.rows import the
from tests.web.desk import book, owe_mail

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def token(app: Flask) -> str:
    """A session of today with long names, money in the books, a case of each look, a draft; the token of a paid booking."""

    def fill() -> str:
        with app.app_context():
            make_user(email="staff@club.example", name="Mere Tūhoe", role=Role.ADMIN, password=PASSWORD)
            soon = clock.now() + timedelta(hours=4)
            session = make_club_session(slug="badminton", title="Intermediate badminton for left-handers", starts_at=soon)
            make_club_session(title="Yoga", starts_at=soon, status=SessionStatus.DRAFT)
            email = "maximiliana.featherstonehaugh@department.university.example"
            booked = book(session, "Maximiliana Featherstonehaugh", paid_cents=123456, refunded_cents=500, email=email,
                          checkout_id="cs_test_" + "a1B2" * 14)  # fmt: skip
            book(session, "Ben", RegistrationStatus.OFFERED)
            owe_mail(email, failed=True)
            with transaction() as db:
                payment = the(Payment)
                mismatch = {"problem": "amount", "captured_cents": 123456, "currency": "NZD"}
                order = {"order_id": payment.order_id, "payment_id": payment.id}
                payload = {"id": "evt_1", "data": {"object": {"url": "https://checkout.example/" + "a1B2" * 30}}}
                db.add(StripeEvent(id="evt_1", type="checkout.session.async_payment_succeeded", payload=payload))
                cases.open_case(db, "a", "payment_mismatch", **order, **mismatch)
                cases.open_case(db, "b", "refund_failed", payment_id=payment.id, refund=the(Refund).id)
                cases.open_case(db, "c", "unknown_payment", cents=1200, currency="NZD", payment_intent="pi_" + "a1B2" * 6)
            cases.close(the(Case, dedupe_key="c").id, "Refunded at Stripe by hand, re_3PabcDEF", "user:1")
            return the(Registration, reference=booked.reference).token

    return aside(fill)


def sign_in(page: Any) -> None:
    page.goto("/account/sign-in?next=/admin/")
    page.get_by_label("E-mail address").fill("staff@club.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    click_through(page.get_by_role("button", name="Sign in"))


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_every_page_fits_a_phone_and_is_readable_by_everybody(page: Any, token: str) -> None:
    sign_in(page)
    booking = f"registrations/{token}"
    for path in ("", "money", "cases?show=closed", "cases/1", booking, "audit", f"{booking}/cancel", "sessions/badminton/cancel"):
        page.set_viewport_size({"width": 320, "height": 900})
        page.goto(f"/admin/{path}")
        assert "Something went wrong" not in page.inner_text("main"), path
        axe_check(page)
        fits(page)
        if page.get_by_role("button", name="Continue").count():
            page.get_by_label("Reason").fill("Moved away, asked by phone")
            click_through(page.get_by_role("button", name="Continue"))
            assert page.get_by_role("heading", level=1).inner_text().startswith("Check")
            axe_check(page)
            fits(page)


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_the_treasurers_lists_and_reports_fit_a_phone_and_are_readable_by_everybody(page: Any) -> None:
    sign_in(page)
    days = "from=2026-03-01&to=2026-03-31"
    for path in ("money/orders", "money/payments?q=max", "money/refunds", "money/ledger", f"money/takings?{days}",
                 f"money/takings?by=month&{days}", f"money/statement?{days}", "doctor", "inbox/evt_1"):  # fmt: skip
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.goto(f"/admin/{path}").status == 200, path
            axe_check(page)
        fits(page)


def test_the_books_are_closed_with_javascript_off(page: Any, app: Flask) -> None:
    sign_in(page)
    click_through(page.get_by_role("link", name="Money", exact=True))
    click_through(page.get_by_role("link", name="Statement"))
    click_through(page.get_by_role("link", name="This month"))
    assert "Adds up" in page.inner_text("main") and "NZ$1,234.56" in page.inner_text("main")
    with page.expect_download() as saved:
        page.get_by_role("button", name="XLSX").click()
    assert saved.value.suggested_filename == "statement-2026-03-03.xlsx"
    click_through(page.get_by_role("link", name="Orders"))
    click_through(page.get_by_role("link", name="Maximiliana Featherstonehaugh"))
    assert page.get_by_role("heading", level=1).inner_text().startswith("Order ")
    with app.app_context():
        assert the(AuditEntry, action="exported").detail["list"] == "statement"


@pytest.mark.parametrize("javascript", [False, True], indirect=True)
def test_one_page_gives_one_file_after_the_other(page: Any) -> None:
    sign_in(page)
    page.goto("/admin/money/orders")
    for form in ("XLSX", "CSV", "CSV"):
        with page.expect_download(timeout=5000) as saved:
            page.get_by_role("button", name=form).click()
        assert saved.value.suggested_filename == f"orders-2026-03-03.{form.lower()}"


def test_a_part_is_refunded_with_javascript_off(page: Any, app: Flask, token: str) -> None:
    sign_in(page)
    click_through(page.get_by_role("link", name="Intermediate badminton for left-handers").first)
    click_through(page.get_by_role("link", name="Maximiliana Featherstonehaugh"))
    click_through(page.get_by_role("button", name="Refund"))
    page.get_by_label("Amount to refund").fill("1,000.00")
    click_through(page.get_by_role("button", name="Continue"))
    click_through(page.get_by_role("link", name="Enter a reason"))
    page.keyboard.type("Came late because of the storm")
    page.keyboard.press("Enter")
    click_through(page.get_by_role("button", name="Refund NZ$1,000.00"))
    assert "NZ$1,000.00 goes back to the card." in page.get_by_role("status").inner_text()
    assert aside(lambda: _newest(app)) == 100000


def _newest(app: Flask) -> int:
    with app.app_context():
        return the(Refund, reason="by_staff").amount_cents
