"""Codes on the pages of membership, basket and hosting: shown before paying, refused with words, what was typed kept."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import Basket, Order, User
from app.rules.vouchers import VoucherKind, VoucherRefused
from app.services import voucher_desk
from tests.support.factories import PASSWORD, make_club_session, make_plan, make_user, make_voucher
from tests.support.hosting import make_draft
from tests.support.pages import Page, PageClient
from tests.support.rows import count_of, the
from tests.support.stripe import StripeSimulator

pytestmark = pytest.mark.databases("sqlite")
PERSON = {"name": "Ana Lee", "email": "ana@example.org"}
USE = "Use the code"


def signed_in(pages: PageClient) -> User:
    person = make_user(password=PASSWORD, name="Hana Host")
    pages.sign_in(person.email, PASSWORD)
    return person


def put(pages: PageClient, kind: str, slug: str, **fields: object) -> Page:
    pages.get(f"/basket/add/{kind}/{slug}")
    return pages.submit(**fields)


def buttons(page: Page, form: str) -> list[str]:
    return [button[0] for button in page.form(form).buttons]


def test_somebody_new_types_a_code_and_sees_what_it_takes_off(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    plan, _ = make_plan(), make_voucher()
    pages.get(f"/membership/{plan.slug}/join")
    wrong = pages.submit("/join", **PERSON, code="nosuch")
    form = wrong.form("/join")
    assert wrong.status == 422 and wrong.title.startswith("Error:") and VoucherRefused.text in wrong.text
    assert (form["code"], form["name"], form["email"]) == ("NOSUCH", "Ana Lee", "ana@example.org")
    page = pages.submit("/join", code="summer")
    assert "Code SUMMER: you save NZ$15.00" in page.text and buttons(page, "/join") == ["Pay NZ$45.00"]
    assert pages.submit("/join", follow=False).status == 303
    assert the(Order).total_cents == stripe_simulator.checkout()["amount_total"] == 4500
    assert "Code SUMMER: you save NZ$15.00" in pages.get(f"/orders/{the(Order).token}").text


def test_somebody_signed_in_types_it_where_the_price_is(app: Flask, pages: PageClient) -> None:
    plan, voucher = make_plan(), make_voucher(kind=VoucherKind.FREE, percent=None)
    signed_in(pages)
    pages.get(f"/membership/{plan.slug}/join")
    wrong = pages.submit("/join", button=USE, code="x" * 41)
    assert wrong.status == 422 and "Enter a code of 40 characters or fewer" in wrong.text
    wrong = pages.submit("/join", button=USE, code="nosuch")
    assert wrong.status == 422 and wrong.form("/join")["code"] == "NOSUCH" and "Pay NZ$60.00" in wrong.text
    page = pages.submit("/join", button=USE, code="summer")
    assert "you save NZ$60.00" in page.text and buttons(page, "/join") == ["Become a member", USE]
    done = pages.submit("/join", button="Become a member")
    assert done.h1 == "You are a member" and "Code SUMMER: you save NZ$60.00" in done.text
    voucher_desk.end(voucher.id, "user:1")


def test_use_that_an_unpaid_membership_has_is_still_good_for_it(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    plan, _ = make_plan(), make_voucher(max_uses=1)
    signed_in(pages)
    for _time in ("first", "back from Stripe"):
        pages.get(f"/membership/{plan.slug}/join")
        page = pages.submit("/join", button=USE, code="summer")
        assert page.status == 200 and "Pay NZ$45.00" in page.text
        assert pages.submit("/join", button="Pay NZ$45.00", follow=False).status == 303
    assert count_of(Order) == 1


def test_code_typed_and_never_tried_is_not_passed_over(app: Flask, pages: PageClient) -> None:
    plan, _ = make_plan(), make_voucher()
    signed_in(pages)
    pages.get(f"/membership/{plan.slug}/join")
    page = pages.submit("/join", button="Pay NZ$60.00", code="summer")
    assert page.status == 409 and "With your code it costs less" in page.text and "Pay NZ$45.00" in page.text
    assert count_of(Order) == 0


def test_free_for_a_visitor_by_a_code_says_to_sign_in_before_paying(app: Flask, pages: PageClient) -> None:
    plan, _ = make_plan(), make_voucher(kind=VoucherKind.FREE, percent=None)
    pages.get(f"/membership/{plan.slug}/join")
    page = pages.submit("/join", **PERSON, code="summer")
    assert page.status == 422 and "Sign in first" in page.text and page.form("/join")["code"] == "SUMMER"


def test_basket_shows_the_code_keeps_it_and_pays_with_it(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    walk = make_club_session(title="Walk")
    make_voucher()
    put(pages, "registration", walk.slug, quantity=2)
    page = pages.submit("/basket/checkout", button=USE, name="Ana Lee", code="nosuch")
    assert page.status == 422 and VoucherRefused.text in page.text and "NZ$24.00" in page.text
    assert (page.form("/basket/checkout")["name"], page.form("/basket/checkout")["code"]) == ("Ana Lee", "NOSUCH")
    page = pages.submit("/basket/checkout", button=USE, code="summer")
    assert page.status == 200 and page.text.count("Code SUMMER: you save NZ$6.00") == 2 and "Pay NZ$18.00" in page.text
    assert page.form("/basket/checkout")["name"] == "Ana Lee" and the(Basket).code == "SUMMER"
    page = put(pages, "registration", make_club_session().slug, quantity=1)
    assert "Code SUMMER: you save NZ$9.00" in page.text and "Pay NZ$27.00" in page.text
    left = pages.submit("/basket/checkout", button="Pay NZ$27.00", follow=False, **PERSON)
    assert left.status == 303 and the(Order).total_cents == stripe_simulator.checkout()["amount_total"] == 2700


def test_code_that_ended_meanwhile_is_said_on_the_basket(app: Flask, pages: PageClient) -> None:
    voucher = make_voucher()
    put(pages, "registration", make_club_session().slug, quantity=1)
    pages.submit("/basket/checkout", button=USE, code="summer")
    voucher_desk.end(voucher.id, "user:1")
    page = pages.submit("/basket/checkout", button="Pay NZ$9.00", **PERSON)
    assert page.status == 422 and VoucherRefused.text in page.text and "Pay NZ$12.00" in page.text and count_of(Order) == 0
    again = pages.get("/basket")
    assert VoucherRefused.text in again.text and "Pay NZ$12.00" in again.text
    page = pages.submit("/basket/checkout", button=USE, code="")
    assert page.status == 200 and VoucherRefused.text not in page.text and the(Basket).code is None


def test_host_sees_the_fee_with_the_code_and_pays_it(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    make_voucher()
    draft = make_draft(signed_in(pages), slug="pottery")
    pages.get(f"/host/{draft.slug}")
    wrong = pages.submit("/pay", button=USE, code="nosuch")
    assert wrong.status == 422 and wrong.title.startswith("Error:") and wrong.form("/pay")["code"] == "NOSUCH"
    changed = pages.submit("/pay", button="Pay NZ$12.00 and publish", code="summer")
    assert changed.status == 409 and "With your code it costs less" in changed.text and "Pay NZ$9.00 and publish" in changed.text
    assert count_of(Order) == 0
    page = pages.submit("/pay", button=USE)
    assert page.status == 200 and "Code SUMMER: you save NZ$3.00" in page.text
    assert pages.submit("/pay", button="Pay NZ$9.00 and publish", follow=False).status == 303
    assert the(Order).total_cents == stripe_simulator.checkout()["amount_total"] == 900


def test_wrong_codes_are_counted_over_all_forms_together(app: Flask, pages: PageClient) -> None:
    plan, walk = make_plan(), make_club_session()
    put(pages, "registration", walk.slug, quantity=1)
    for n in range(5):
        assert pages.submit("/basket/checkout", button=USE, code=f"GUESS{n}").status == 422
    pages.get(f"/membership/{plan.slug}/join")
    for n in range(5):
        assert pages.submit("/join", **PERSON, code=f"TRY{n}").status == 422
    form = pages.page.form("/join") if pages.page is not None else None
    assert form is not None
    address = f"/membership/{plan.slug}/join/check"
    assert pages.post(address, dict(form.filled({**PERSON, "code": "GUESS9"}, "Continue"))).status == 429
    assert pages.post(address, dict(form.filled({**PERSON, "code": ""}, "Continue"))).status == 200
