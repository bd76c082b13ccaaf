"""Codes on the pages: typed on the booking form, said on the check page and the order, made by staff at the desk."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.models import Order, Voucher, VoucherUse
from app.rules.statuses import Role
from app.rules.vouchers import VoucherKind, VoucherRefused
from app.services import voucher_desk
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_user, make_voucher
from tests.support.pages import PageClient
from tests.support.rows import count_of, the

pytestmark = pytest.mark.databases("sqlite")
PERSON = {"name": "Ana Lee", "email": "ana@example.org"}
SAVES = "Code SUMMER: you save NZ$3.00"


def check(pages: PageClient, club_session: Any, **values: Any) -> Any:
    pages.get(f"/sessions/{club_session.slug}/register")
    return pages.submit("/register", **PERSON, **values)


def test_price_with_a_code_is_the_same_on_every_page_and_at_stripe(app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session, _ = make_club_session(), make_voucher()
    page = check(pages, club_session, code=" summer")
    assert SAVES in page.text and [button[0] for button in page.form("/register").buttons] == ["Pay NZ$9.00", "Change"]
    assert count_of(Order) == count_of(VoucherUse) == 0, "nothing is used before the button is pressed"
    assert pages.submit("/register", follow=False).status == 303
    assert stripe_simulator.checkout()["amount_total"] == the(Order).total_cents == 900
    shown = pages.get(f"/orders/{the(Order).token}")
    assert SAVES in shown.text and "NZ$9.00" in shown.text


def test_code_that_makes_it_free_registers_at_once(app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session, _ = make_club_session(), make_voucher(kind=VoucherKind.FREE, percent=None)
    page = check(pages, club_session, code="SUMMER")
    assert [button[0] for button in page.form("/register").buttons][0] == "Register"
    assert pages.submit("/register").h1 == "You are registered" and stripe_simulator.control.counts() == {}


@pytest.mark.parametrize("code", ["NOSUCH", "SUMMER"])
def test_wrong_code_has_one_answer_and_keeps_what_was_typed(app: Flask, pages: PageClient, code: str) -> None:
    club_session, _ = make_club_session(), make_voucher(members_only=True)
    page = check(pages, club_session, code=code)
    assert page.status == 422 and page.title.startswith("Error:") and VoucherRefused.text in page.text
    form = page.form("/register")
    assert (form["code"], form["name"]) == (code, "Ana Lee")
    assert pages.submit("/register", code="").form("/register").buttons[0][0] == "Pay NZ$12.00"


def test_code_that_ran_out_meanwhile_is_said_before_paying(app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session, voucher = make_club_session(), make_voucher()
    check(pages, club_session, code="SUMMER")
    voucher_desk.end(voucher.id, "user:1")
    page = pages.submit("/register")
    assert page.status == 422 and VoucherRefused.text in page.text and count_of(Order) == 0
    pages.submit("/register", code="")
    assert pages.submit("/register", follow=False).status == 303 and the(Order).total_cents == 1200


def test_guessing_is_stopped_but_booking_without_a_code_is_not(app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    answers = [check(pages, club_session, code=f"GUESS{n}").status for n in range(10)]
    assert answers == [422] * 10
    form = pages.get(f"/sessions/{club_session.slug}/register").form("/register")
    address = f"/sessions/{club_session.slug}/register/check"
    assert pages.post(address, dict(form.filled({**PERSON, "code": "GUESS11"}, "Continue"))).status == 429
    assert pages.post(address, dict(form.filled(PERSON, "Continue"))).status == 200


def test_free_session_asks_for_no_code(app: Flask, pages: PageClient) -> None:
    assert 'name="code"' not in pages.get(f"/sessions/{make_free_club_session().slug}/register").html
    assert 'name="code"' in pages.get(f"/sessions/{make_club_session().slug}/register").html


def test_staff_make_change_and_end_a_code(app: Flask, pages: PageClient) -> None:
    person, session = make_user(role=Role.STAFF, password=PASSWORD), make_club_session(title="Summer camp")
    pages.sign_in(person.email, PASSWORD)
    assert "There is no code yet" in pages.get("/admin/codes").text
    pages.get("/admin/codes/new")
    page = pages.submit("/codes/new", code="summer", kind="percentage", percent="")
    assert page.status == 422 and "Enter a percentage from 1 to 100." in page.text
    page = pages.submit("/codes/new", percent="25", scope="session", club_session=session.id, last_day="2026-12-31", max_uses=5)
    assert page.path == "/admin/codes" and "The code is made." in page.text
    for words in ("SUMMER", "25 % off", "Summer camp", "Used 0 of 5 times", "Can be used"):
        assert words in page.text, words
    row = the(Voucher)
    form = pages.get(f"/admin/codes/{row.id}/edit").form("/edit")
    typed = {name: form[name] for name in ("percent", "scope", "club_session", "last_day")}
    assert list(typed.values()) == ["25", "session", str(session.id), "2026-12-31"]
    assert "<span" not in page.text
    pages.submit("/edit", kind="amount", amount="NZ$5", scope="membership")
    changed = the(Voucher)
    assert (changed.amount_cents, changed.percent, changed.item_kind, changed.ends_at) == (500, None, "membership", row.ends_at)
    assert "Nobody can use it any more" in pages.submit("/end").text and "Over" in pages.get("/admin/codes").text


@pytest.mark.parametrize(
    "typed",
    [
        {"code": "x"}, {"code": "SUMMER"}, {"kind": "amount"}, {"scope": "session"},
        {"first_day": "2026-05-02", "last_day": "2026-05-01"},
    ],
    ids=str,
)  # fmt: skip
def test_code_that_makes_no_sense_comes_back(app: Flask, pages: PageClient, typed: dict[str, str]) -> None:
    make_voucher()
    person = make_user(role=Role.STAFF, password=PASSWORD)
    pages.sign_in(person.email, PASSWORD)
    pages.get("/admin/codes/new")
    page = pages.submit("/codes/new", **{"code": "WINTER", "percent": "10", **typed})
    assert page.status == 422 and page.title.startswith("Error:") and count_of(Voucher) == 1
