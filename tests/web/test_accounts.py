"""Signing in and out: nothing tells whether an address is known, wrong tries are limited, and no redirect leaves the site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask

from app.rules.statuses import Role
from tests.support.factories import PASSWORD, make_user
from tests.support.pages import PageClient

EMAIL, WRONG = "aroha@example.org", "not the password"
SAME = "Check your e-mail address and password and try again"


@pytest.fixture(autouse=True)
def one_minute() -> Iterator[None]:
    """The limits count by the machine's clock: it stands still, so that no test straddles a minute."""
    with time_machine.travel(datetime(2026, 3, 2, 21, 0, 5, tzinfo=UTC), tick=False):
        yield


def aroha(**changes: Any) -> None:
    make_user(**{"email": EMAIL, "password": PASSWORD, **changes})


def try_to(pages: PageClient, email: str = EMAIL, password: str = WRONG, **kwargs: Any) -> Any:
    form = pages.get("/account/sign-in").form("/account/sign-in")
    data = {"csrf_token": form["csrf_token"], "email": email, "password": password}
    return pages.post("/account/sign-in", data, follow=False, **kwargs)


def signed_in(pages: PageClient) -> bool:
    return any("/account/sign-out" in form.action for form in pages.get("/").forms)


@pytest.mark.parametrize("role", list(Role))
def test_everybody_with_a_password_can_sign_in_and_out(sqlite_app: Flask, pages: PageClient, role: Role) -> None:
    aroha(role=role)
    assert not signed_in(pages)
    assert pages.sign_in(f"  {EMAIL.upper()} ", PASSWORD).path == "/"
    assert signed_in(pages)
    page = pages.submit("/account/sign-out")
    assert page.redirects[0][0] == 303 and not signed_in(pages)


def test_unknown_address_and_wrong_password_get_the_same_answer(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    make_user(email="guest@example.org", password=None)
    answers = [try_to(pages, email) for email in (EMAIL, "unknown@example.org", "guest@example.org")]
    assert {(page.status, tuple(page.errors)) for page in answers} == {(422, (SAME,))}
    pages_without_what_was_typed = {
        page.html.replace(email, "").replace(page.form("/account/sign-in")["csrf_token"], "")
        for page, email in zip(answers, (EMAIL, "unknown@example.org", "guest@example.org"), strict=True)
    }
    assert len(pages_without_what_was_typed) == 1 and not signed_in(pages)


def test_password_is_never_written_back(sqlite_app: Flask, pages: PageClient) -> None:
    page = try_to(pages, password="a secret mistyped")
    assert "a secret mistyped" not in page.html and page.form("/account/sign-in")["email"] == EMAIL


@pytest.mark.parametrize(("email", "password", "message"), [
    ("", PASSWORD, "Enter your e-mail address"),
    ("aroha", PASSWORD, "Enter an e-mail address in the correct format, like name@example.com"),
    (EMAIL, "", "Enter your password"),
    (EMAIL, "x" * 1025, "Enter a shorter password"),
])  # fmt: skip
def test_what_cannot_be_read_is_said_at_its_field(
    sqlite_app: Flask, pages: PageClient, email: str, password: str, message: str
) -> None:
    page = try_to(pages, email, password)
    assert (page.status, page.errors) == (422, [message])


# --- Limits ------------------------------------------------------------------------------------------------------------------


def test_sixth_wrong_try_in_a_minute_is_turned_away_even_with_the_right_password(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    assert [try_to(pages).status for _ in range(6)] == [422] * 5 + [429]
    page = try_to(pages, password=PASSWORD)
    assert page.status == 429 and page.h1 == "Too many tries" and not signed_in(pages)


def test_limits_are_the_same_for_an_address_nobody_has(sqlite_app: Flask, pages: PageClient) -> None:
    assert [try_to(pages, "unknown@example.org").status for _ in range(6)] == [422] * 5 + [429]


def test_right_passwords_are_not_counted(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    assert [try_to(PageClient(sqlite_app), password=PASSWORD).status for _ in range(12)] == [303] * 12


def test_spelling_the_address_otherwise_gives_no_more_tries(sqlite_app: Flask, pages: PageClient) -> None:
    spellings = [EMAIL, EMAIL.upper(), f" {EMAIL}", EMAIL.title(), f"{EMAIL} ", EMAIL]
    assert [try_to(pages, email).status for email in spellings] == [422] * 5 + [429]


def test_nobody_can_lock_a_stranger_out(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    for _ in range(6):
        try_to(pages, environ_base=elsewhere)
    assert try_to(pages, password=PASSWORD, environ_base=elsewhere).status == 429
    assert try_to(pages, password=PASSWORD).status == 303


def test_claimed_forwarded_address_gives_no_more_tries(sqlite_app: Flask, pages: PageClient) -> None:
    answers = [try_to(pages, headers={"X-Forwarded-For": f"198.51.100.{n}"}).status for n in range(6)]
    assert answers == [422] * 5 + [429]


def test_many_addresses_from_one_place_are_limited_too(sqlite_app: Flask, pages: PageClient) -> None:
    answers = [try_to(pages, f"person{n}@example.org").status for n in range(31)]
    assert answers == [422] * 30 + [429]


# --- Where to ----------------------------------------------------------------------------------------------------------------


def test_sign_in_leads_to_where_the_person_was_heading(sqlite_app: Flask, pages: PageClient) -> None:
    aroha(role=Role.STAFF)
    page = pages.get("/admin/sessions?q=a%26b")
    assert page.path == "/account/sign-in"
    page = pages.submit("/account/sign-in", email=EMAIL, password=PASSWORD)
    assert page.path == "/admin/sessions" and "q=a%26b" in page.url


@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example",
    "javascript:alert(1)", "evil.example", "", "/\x01", "http:/evil.example", " //evil.example",
])  # fmt: skip
def test_nobody_is_sent_to_another_site(sqlite_app: Flask, pages: PageClient, target: str) -> None:
    aroha()
    form = pages.get("/account/sign-in").form("/account/sign-in")
    data = {"csrf_token": form["csrf_token"], "email": EMAIL, "password": PASSWORD, "next": target}
    page = pages.post("/account/sign-in", data, follow=False)
    assert (page.status, page.headers["Location"]) == (303, "/")


def test_sign_out_is_a_post(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    pages.sign_in(EMAIL, PASSWORD)
    assert pages.get("/account/sign-out").status == 405 and signed_in(pages)


def test_person_of_no_role_sees_nothing_of_the_desk(sqlite_app: Flask, pages: PageClient) -> None:
    aroha(role=Role.NONE)
    pages.sign_in(EMAIL, PASSWORD)
    assert pages.get("/admin/sessions").status == 403


# --- The cookie --------------------------------------------------------------------------------------------------------------


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    cookies = [cookie.lower() for cookie in try_to(pages, password=PASSWORD).response.headers.getlist("Set-Cookie")]
    assert any(cookie.startswith("muster=") for cookie in cookies)
    assert all("httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie for cookie in cookies)


def test_signing_in_begins_a_new_cookie(sqlite_app: Flask, pages: PageClient) -> None:
    """A cookie planted before signing in is worth nothing afterwards."""
    aroha()
    pages.get("/account/sign-in")
    planted = pages.http.get_cookie("muster", domain="muster.test")
    assert planted is not None
    pages.sign_in(EMAIL, PASSWORD)
    visitor = PageClient(sqlite_app)
    visitor.http.set_cookie("muster", planted.value, domain="muster.test")
    assert not signed_in(visitor) and signed_in(pages)


def test_signing_out_ends_a_copied_cookie_too(sqlite_app: Flask, pages: PageClient) -> None:
    aroha()
    pages.sign_in(EMAIL, PASSWORD)
    stolen = pages.http.get_cookie("muster", domain="muster.test")
    assert stolen is not None
    thief = PageClient(sqlite_app)
    thief.http.set_cookie("muster", stolen.value, domain="muster.test")
    assert signed_in(thief)
    pages.get("/")
    pages.submit("/account/sign-out")
    assert not signed_in(thief)
