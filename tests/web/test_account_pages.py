"""Signing up, in and out, getting back in, and changing one's account, as a person with a browser meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import SignIn, User
from app.rules.statuses import Role
from app.services import people_rights
from app.transaction import transaction
from tests.support.accounts import letters_to, link_to
from tests.support.booking import begin
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_membership, make_user
from tests.support.pages import Page, PageClient
from tests.support.rows import all_of, count_of, the

NEW = "another long password"


@pytest.fixture
def ana(sqlite_app: Flask) -> User:
    return make_user(email="ana@example.org", name="Ana", password=PASSWORD)


def browser(app: Flask, email: str | None = None) -> PageClient:
    """Another browser, signed in when an address is given."""
    made = PageClient(app)
    if email is not None:
        made.sign_in(email, PASSWORD)
    return made


def is_signed_in(pages: PageClient) -> bool:
    return pages.get("/account").path == "/account"


def test_sign_up_confirm_and_sign_in(app: Flask, pages: PageClient) -> None:
    pages.get("/account/sign-up")
    page = pages.submit("/account/sign-up", email=" Aroha@Example.org ")
    assert page.h1 == "Check your e-mail" and count_of(User) == 0
    page = pages.get(link_to("aroha@example.org"))
    assert "aroha@example.org" in page.text and count_of(User) == 0
    page = pages.submit("/account/join", name="Aroha", password=NEW)
    assert (page.path, page.h1) == ("/account/sign-in", "Sign in") and "Your account is ready" in page.text
    user = the(User)
    assert (user.email, user.name, user.role) == ("aroha@example.org", "Aroha", Role.NONE) and user.email_verified_at
    assert pages.submit("/account/sign-in", email="aroha@example.org", password=NEW).path == "/"
    assert pages.get("/account").h1 == "My account"


def _but_for(page: Page, email: str) -> str:
    """The page without the address, and without the forms' tokens, which hold the second they were made in."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page.html).replace(email, "")


@pytest.mark.parametrize("path", ["/account/sign-up", "/account/forgotten-password"])
def test_answer_is_the_same_for_known_and_unknown_addresses(ana: User, app: Flask, path: str) -> None:
    answers = []
    for email in ("ana@example.org", "abc@example.org"):
        pages = browser(app)
        pages.get(path)
        page = pages.submit(path, email=email)
        answers.append((page.status, _but_for(page, email)))
    assert answers[0] == answers[1] and answers[0][0] == 200
    known, unknown = letters_to("ana@example.org")[-1], letters_to("abc@example.org")[-1]
    assert known.context["wanted"] != unknown.context["wanted"]


def test_link_that_was_used_or_made_up_leads_nowhere(app: Flask, pages: PageClient) -> None:
    pages.get("/account/sign-up")
    pages.submit("/account/sign-up", email="aroha@example.org")
    link = link_to("aroha@example.org")
    pages.get(link)
    pages.submit("/account/join", name="Aroha", password=NEW)
    for path in (link, "/account/join/" + "x" * 32, link.replace("join", "new-password")):
        page = pages.get(path)
        assert page.status == 404 and "Ask for a new one" in page.text


def test_forgotten_password_is_replaced_and_every_browser_signed_out(ana: User, app: Flask, pages: PageClient) -> None:
    other = browser(app, "ana@example.org")
    pages.get("/account/forgotten-password")
    pages.submit("/account/forgotten-password", email="ana@example.org")
    pages.get(link_to("ana@example.org"))
    page = pages.submit("/account/new-password", password="short")
    assert page.status == 422 and page.errors == ["Choose a password of 10 to 200 characters"]
    page = pages.submit("/account/new-password", password=NEW)
    assert page.path == "/account/sign-in" and not is_signed_in(other)
    assert letters_to("ana@example.org")[-1].template == "password_set"
    assert pages.sign_in("ana@example.org", PASSWORD).status == 422
    assert pages.sign_in("ana@example.org", NEW).path == "/"


def test_signing_in_makes_a_new_row_and_signing_out_ends_it(ana: User, app: Flask, pages: PageClient) -> None:
    pages.sign_in("ana@example.org", PASSWORD)
    first = the(SignIn).token_hash
    pages.sign_in("ana@example.org", PASSWORD)
    assert the(SignIn).token_hash != first
    cookie = pages.http.get_cookie("muster", domain="muster.test")
    assert cookie is not None
    pages.get("/account")
    pages.submit("/account/sign-out")
    assert count_of(SignIn) == 0
    pages.http.set_cookie("muster", cookie.value, domain="muster.test")
    assert not is_signed_in(pages)  # a cookie kept from before is worth nothing


def test_a_row_with_a_time_that_has_come_signs_nobody_in(ana: User, app: Flask, pages: PageClient, clock: object) -> None:
    pages.sign_in("ana@example.org", PASSWORD)
    assert is_signed_in(pages)
    with transaction() as db:
        db.execute(update(SignIn).values(expires_at=the(SignIn).created_at))
    assert not is_signed_in(pages)


def test_changed_password_signs_the_others_out_and_is_told(ana: User, app: Flask, pages: PageClient) -> None:
    other = browser(app, "ana@example.org")
    pages.sign_in("ana@example.org", PASSWORD)
    pages.get("/account/password")
    page = pages.submit("/account/password", current_password="not my password", password=NEW)
    assert page.status == 422 and page.errors == ["That is not your password. Enter it again."]
    page = pages.submit("/account/password", current_password=PASSWORD, password=NEW)
    assert page.path == "/account/settings" and "Your password is set" in page.text
    assert not is_signed_in(other) and is_signed_in(pages)
    assert letters_to("ana@example.org")[-1].template == "password_set"
    assert browser(app).sign_in("ana@example.org", NEW).path == "/"


def _ask_for_address(pages: PageClient, email: str) -> Page:
    pages.get("/account/address")
    return pages.submit("/account/address", email=email, current_password=PASSWORD)


def test_changed_address_is_confirmed_at_the_new_and_told_to_the_old(ana: User, app: Flask, pages: PageClient) -> None:
    other = browser(app, "ana@example.org")
    pages.sign_in("ana@example.org", PASSWORD)
    assert _ask_for_address(pages, "ana@new.example").h1 == "Check your e-mail"
    assert the(User).email == "ana@example.org"
    pages.get(link_to("ana@new.example"))
    assert the(User).email == "ana@example.org"  # opening a link changes nothing
    page = pages.submit("/account/new-address")
    assert page.path == "/account/settings" and the(User).email == "ana@new.example"
    assert not is_signed_in(other) and is_signed_in(pages)
    told = letters_to("ana@example.org")[-1]
    assert told.template == "address_changed" and told.context["new_address"] == "ana@new.example"


def test_link_to_a_new_address_works_only_for_whoever_asked(ana: User, app: Flask, pages: PageClient) -> None:
    """Else a stranger could have the reader of a mail prove the reader's own address for the stranger's account."""
    make_user(email="bob@example.org", password=PASSWORD)
    pages.sign_in("ana@example.org", PASSWORD)
    _ask_for_address(pages, "bobs-other@example.org")
    link = link_to("bobs-other@example.org")
    assert browser(app).get(link).path == "/account/sign-in"
    assert browser(app, "bob@example.org").get(link).status == 404
    assert {user.email for user in all_of(User)} == {"ana@example.org", "bob@example.org"}


def test_address_of_another_account_is_not_told_and_not_taken(ana: User, app: Flask, pages: PageClient) -> None:
    make_user(email="bob@example.org")
    pages.sign_in("ana@example.org", PASSWORD)
    taken, free = (_but_for(_ask_for_address(pages, email), email) for email in ("bob@example.org", "eve@example.org"))
    assert taken == free
    assert letters_to("bob@example.org")[-1].context["wanted"] == "taken"
    assert "new-address" not in str(letters_to("bob@example.org")[-1].context)


def test_other_devices_are_listed_and_signed_out(ana: User, app: Flask, pages: PageClient) -> None:
    other = browser(app, "ana@example.org")
    pages.sign_in("ana@example.org", PASSWORD)
    page = pages.get("/account/settings")
    assert page.text.count("Browser") >= 2 and "(this browser)" in page.text
    page = pages.submit("/account/devices/sign-out-others")
    assert "Every other browser has been signed out" in page.text
    assert not is_signed_in(other) and is_signed_in(pages)


def test_bookings_of_a_guest_are_theirs_once_the_address_is_confirmed(app: Flask, pages: PageClient) -> None:
    club_session = make_free_club_session(title="Pottery for two")
    guest = browser(app)
    guest.get(f"/sessions/{club_session.slug}/register")
    guest.submit(0, name="Aroha", email="aroha@example.org", places=1)
    guest.submit(f"/sessions/{club_session.slug}/register")
    user = make_user(email="aroha@example.org", password=PASSWORD, email_verified_at=None)
    pages.sign_in("aroha@example.org", PASSWORD)
    assert "Pottery for two" not in pages.get("/account").text
    with transaction() as db:
        db.execute(update(User).where(User.id == user.id).values(email_verified_at=user.created_at))
    page = pages.get("/account")
    assert "Pottery for two" in page.text and "Registered" in page.text


def test_calendar_shows_my_places_until_its_address_is_changed(ana: User, app: Flask, pages: PageClient) -> None:
    club_session = make_free_club_session(title="Evening run")
    pages.sign_in("ana@example.org", PASSWORD)
    pages.get(f"/sessions/{club_session.slug}/register")
    pages.submit("/register/check", name="Ana", email="ana@example.org", places=1)
    pages.submit(f"/sessions/{club_session.slug}/register")
    page = pages.get("/account")
    feed = next(link for link in page.links if link.endswith(".ics") and "/account/calendar/" in link)
    stranger = browser(app)
    shown = stranger.get(feed)
    assert shown.response.mimetype == "text/calendar" and "SUMMARY:Evening run" in shown.html and "orders" not in shown.html
    page = pages.submit("/account/calendar")
    assert feed not in page.links and stranger.get(feed).status == 404


def test_card_says_whether_somebody_is_a_member_today(ana: User, app: Flask, pages: PageClient) -> None:
    pages.sign_in("ana@example.org", PASSWORD)
    assert "Not a member" in pages.get("/account/card").text
    make_membership(ana)
    page = pages.get("/account/card")
    assert "Member of Harbour Social Club until" in page.text and "<svg" in page.html
    shown = browser(app).get(f"/account/card/{the(User).card_token}")
    assert "Ana" in shown.text and "Member of Harbour" in shown.text and "ana@example.org" not in shown.html


def test_export_holds_what_is_known_and_no_secret(ana: User, app: Flask, pages: PageClient) -> None:
    club_session = make_free_club_session(title="Evening run")
    pages.sign_in("ana@example.org", PASSWORD)
    pages.get(f"/sessions/{club_session.slug}/register")
    pages.submit("/register/check", name="Ana", email="ana@example.org", places=1)
    pages.submit(f"/sessions/{club_session.slug}/register")
    people_rights.approve_student(ana.id, True, "showed a card", "user:9", once="k" * 16)
    page = pages.get("/account/data.json")
    data = json.loads(page.html)
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert data["account"]["email"] == "ana@example.org" and data["account"]["has_password"] is True
    assert data["registrations"][0]["session"] == "Evening run" and data["orders"][0]["status"] == "paid"
    assert [entry["action"] for entry in data["what_was_done_to_your_account"]] == ["student_approved"]
    user = the(User)
    for secret in (user.password_hash, user.calendar_token, user.card_token, the(SignIn).token_hash):
        assert secret and secret not in page.html


def test_paying_and_the_receipt_are_one_step_away(ana: User, app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    club_session = make_club_session(title="Badminton")
    pages.sign_in("ana@example.org", PASSWORD)
    pages.get(f"/sessions/{club_session.slug}/register")
    pages.submit("/register/check", name="Ana", email="ana@example.org", places=1)
    pages.submit(f"/sessions/{club_session.slug}/register", follow=False)
    page = pages.get("/account")
    assert "Pay NZ$12.00" in page.html
    left = pages.submit("/pay")
    assert left.left_for is not None and "/c/pay/" in left.left_for
    stripe_simulator.pay()
    stripe_simulator.deliver()
    page = pages.get("/account")
    assert "Registered" in page.text and "paid NZ$12.00" in page.text and "Pay NZ$12.00" not in page.html
    page = pages.get(next(path for words, path in page.links.items() if words.startswith("Booking ")))
    assert page.h1 == "You are registered" and page.tree.with_class("receipt")


def test_my_page_takes_six_statements_however_much_is_booked(
    ana: User, app: Flask, pages: PageClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    pages.sign_in("ana@example.org", PASSWORD)
    for _ in range(3):
        with statements() as seen:
            page = pages.get("/account")
        assert len(seen) == 6, seen
        begin(make_free_club_session(), email="ana@example.org", name="Ana", user_id=ana.id, expected_price_cents=0)
    assert page.text.count("Registered") == 2


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(ana: User, app: Flask, pages: PageClient, target: str) -> None:
    pages.get("/account/sign-in", follow=True)
    pages.http.get("/")
    page = pages.submit("/account/sign-in", email="ana@example.org", password=PASSWORD, follow=False)
    assert page.left_for is None
    other = browser(app)
    other.get(f"/account/sign-in?next={target}")
    assert other.submit("/account/sign-in", email="ana@example.org", password=PASSWORD).left_for is None
    assert other.page is not None and other.page.path == "/"


def test_somebody_signed_in_finds_their_name_and_address_there(sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_club_session()
    assert pages.get(f"/sessions/{club_session.slug}/register").form("/register")["email"] == ""
    make_user(email="ana@example.org", name="Ana Lee", password=PASSWORD)
    pages.sign_in("ana@example.org", PASSWORD)
    form = pages.get(f"/sessions/{club_session.slug}/register").form("/register")
    assert (form["name"], form["email"]) == ("Ana Lee", "ana@example.org")
    page = pages.submit("/register", name="Bo Chen", email="bo@example.org")
    assert "Bo Chen" in page.text and "bo@example.org" in page.text, "who books for somebody else writes over it"
