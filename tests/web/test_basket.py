"""The basket's pages: filled by links and forms, priced by the server, checked out by anybody, with words for each no."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import Basket, BasketItem, ClubSession, Order, Registration
from app.transaction import transaction
from tests.support.booking import begin
from tests.support.factories import PASSWORD, make_club_session, make_membership, make_plan, make_user
from tests.support.outage import database_away
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator


def put(pages: PageClient, kind: str, slug: str, **fields: object) -> None:
    pages.get(f"/basket/add/{kind}/{slug}")
    pages.submit(**fields)


def test_guest_fills_changes_and_pays(app: Flask, pages: PageClient, stripe_simulator: StripeSimulator) -> None:
    session, plan = make_club_session(title="Badminton"), make_plan(price_cents=1500)
    assert "basket=" not in pages.get("/basket").headers.get("Set-Cookie", "")
    put(pages, "registration", session.slug, quantity=2)
    put(pages, "membership", plan.slug)
    page = pages.get("/basket")
    for words in ("Badminton", "Annual membership", "1 × NZ$8.00", "Member price", "NZ$35.00", "for 30 minutes while you pay"):
        assert words in page.text, words
    item = next(item for item in all_of(BasketItem) if item.kind == "registration")
    pages.submit(next(f for f in pages.page.forms if f.action.endswith(f"/basket/lines/{item.id}")), quantity=1)
    assert "NZ$23.00" in pages.get("/basket").text
    left = pages.submit("/basket/checkout", follow=False, name="Ana Lee", email="Ana@Example.org")
    assert (left.status, the(Order).email, the(Order).total_cents) == (303, "ana@example.org", 2300)


def test_basket_survives_signing_in_and_is_priced_for_the_member(app: Flask, pages: PageClient) -> None:
    session, person = make_club_session(), make_user(password=PASSWORD)
    make_membership(person)
    put(pages, "registration", session.slug, quantity=1)
    assert "NZ$12.00" in pages.get("/basket").text
    pages.get("/account/sign-in")
    pages.submit("/account/sign-in", email=person.email, password=PASSWORD)
    page = pages.get("/basket")
    assert "NZ$8.00" in page.text and "E-mail address" not in page.text


@pytest.mark.parametrize(("name", "email", "status"), [("Ana", "not-an-address", 422), ("", "ana@example.org", 422)])
def test_what_was_typed_is_shown_again(app: Flask, pages: PageClient, name: str, email: str, status: int) -> None:
    put(pages, "registration", make_club_session().slug, quantity=1)
    pages.get("/basket")
    page = pages.submit("/basket/checkout", name=name, email=email)
    assert page.status == status and email in page.html and count_of(Order) == 0


@pytest.mark.parametrize("typed", ["0", "-1", "51", "two", "1.5", ""])
def test_a_number_that_cannot_be_is_told_before_it_is_put_in(app: Flask, pages: PageClient, typed: str) -> None:
    pages.get(f"/basket/add/registration/{make_club_session().slug}")
    page = pages.submit(quantity=typed)
    assert page.status == 422 and set(page.errors) == {"Enter a number from 1 to 50"} and page.form()["quantity"] == typed
    assert count_of(BasketItem) == 0


@pytest.mark.parametrize("typed", ["1.5", "two", "", "-1", "51", "9" * 5000])
def test_a_number_that_cannot_be_leaves_the_line_as_it_was(app: Flask, pages: PageClient, typed: str) -> None:
    put(pages, "registration", make_club_session().slug, quantity=2)
    put(pages, "registration", make_club_session().slug, quantity=3)
    pages.get("/basket")
    line = f"/basket/lines/{all_of(BasketItem)[1].id}"
    page = pages.submit(line, quantity=typed)
    assert page.status == 422 and set(page.errors) == {"Enter a number from 0 to 50"} and page.form(line)["quantity"] == typed
    assert [item.quantity for item in all_of(BasketItem)] == [2, 3]
    assert pages.submit(line, quantity="4").status == 200
    assert [item.quantity for item in all_of(BasketItem)] == [2, 4]


def test_none_of_it_takes_the_line_out(app: Flask, pages: PageClient) -> None:
    put(pages, "registration", make_club_session().slug, quantity=2)
    pages.get("/basket")
    line = f"/basket/lines/{the(BasketItem).id}"
    stale = pages.page and pages.page.form(line)
    assert "There is nothing in it" in pages.submit(line, quantity="0").text and count_of(BasketItem) == 0
    assert "There is nothing in it" in pages.submit(stale, quantity="two").text, "the line has gone meanwhile"


def test_line_that_went_is_named_and_nothing_was_taken(app: Flask, pages: PageClient) -> None:
    kept, full = make_club_session(), make_club_session(capacity=1, title="Chess")
    put(pages, "registration", kept.slug, quantity=1)
    put(pages, "registration", full.slug, quantity=1)
    pages.get("/basket")
    begin_elsewhere(full)
    page = pages.submit("/basket/checkout", name="Ana", email="ana@example.org")
    assert page.status == 409 and "This session is full" in page.text and the(ClubSession, id=kept.id).places_taken == 0


def begin_elsewhere(session: ClubSession) -> None:
    with transaction() as db:
        db.query(ClubSession).filter_by(id=session.id).update({"places_taken": 1})


def test_price_that_changed_is_asked_again(app: Flask, pages: PageClient) -> None:
    put(pages, "registration", make_club_session().slug, quantity=1)
    pages.get("/basket")
    with transaction() as db:
        db.query(ClubSession).update({"non_member_price_cents": 1300})
    page = pages.submit("/basket/checkout", name="Ana", email="ana@example.org")
    assert page.status == 409 and "The price has changed" in page.text and "NZ$13.00" in page.text


def test_booked_already_says_no_more_than_the_form_does(
    app: Flask, pages: PageClient, stripe_simulator: StripeSimulator
) -> None:
    session = make_club_session()
    begin(session, email="ana@example.org")
    put(pages, "registration", session.slug, quantity=1)
    pages.get("/basket")
    page = pages.submit("/basket/checkout", name="Ana", email="ana@example.org")
    assert page.status == 409 and "If ana@example.org can be used" in page.text and count_of(Registration) == 1


def test_session_that_cannot_be_booked_says_why_before_it_is_put_in(app: Flask, pages: PageClient) -> None:
    page = pages.get(f"/basket/add/registration/{make_club_session(status='cancelled').slug}")
    assert page.status == 409 and "This session has been cancelled." in page.text
    assert pages.get("/basket/add/registration/no-such-session").status == 404
    assert pages.get("/basket/add/shoes/no-such-thing").status == 404
    assert pages.get("/basket/add/listing/no-such-thing").status == 404, "a listing is ordered by itself"


def test_database_away_is_503_and_nothing_is_half_made(app: Flask, pages: PageClient) -> None:
    session = make_club_session()
    put(pages, "registration", session.slug, quantity=1)
    form = pages.get("/basket").form("/basket/checkout")
    with database_away(app):
        page = pages.submit(form, name="Ana", email="ana@example.org")
        assert page.status == 503 and "try again" in page.text and "sqlite" not in page.html
    assert (count_of(Order), the(ClubSession).places_taken, count_of(BasketItem)) == (0, 0, 1)


def test_cookie_is_opaque_and_closed_to_scripts(app: Flask, pages: PageClient) -> None:
    pages.get(f"/basket/add/registration/{make_club_session().slug}")
    kept = pages.submit(follow=False, quantity=1).headers["Set-Cookie"]
    assert all(words in kept for words in ("basket=", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert pages.get("/basket").headers["Cache-Control"] == "no-store"


def test_empty_basket_is_400_and_an_unknown_one_404_with_words(app: Flask, pages: PageClient) -> None:
    put(pages, "registration", make_club_session().slug, quantity=1)
    form = pages.get("/basket").form("/basket/checkout")
    pages.submit("/remove")
    page = pages.submit(form, name="Ana", email="ana@example.org")
    assert page.status == 400 and "Your basket is empty" in page.text
    with transaction() as db:
        db.query(Basket).delete()
    page = pages.submit(form, name="Ana", email="ana@example.org")
    assert page.status == 404 and "no longer here" in page.text
