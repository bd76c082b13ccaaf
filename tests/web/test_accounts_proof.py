"""Codes at the door and before what is worth one, the way to the provider and back, and limits that lock no stranger out."""

from __future__ import annotations

import re
from typing import Any

import pyotp
import pytest
from flask import Flask

from app.integrations.sign_in_provider import Identity, Leaving, ProviderRefused
from app.models import SecondFactor, SignIn, User
from app.rules.statuses import Role
from app.security import fresh_second_factor, staff_only
from tests.support.accounts import letters_to, link_to
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_user
from tests.support.pages import PageClient
from tests.support.rows import count_of, the

WRONG = "a wrong password"


@pytest.fixture
def staff(sqlite_app: Flask) -> User:
    return make_user(email="sam@example.org", name="Sam", role=Role.STAFF, password=PASSWORD)


def code_now(clock: FakeClock) -> str:
    clock.advance(seconds=60)  # a code is good once
    return pyotp.TOTP(the(SecondFactor).secret).at(int(clock().timestamp()))


def switch_on(pages: PageClient, clock: FakeClock) -> list[str]:
    page = pages.get("/account/codes")
    assert "<svg" in page.html and the(SecondFactor).secret[:4] in page.text
    page = pages.submit("/account/codes", code=code_now(clock))
    assert page.h1 == "Your codes for paper"
    return re.findall(r"\b\w{4}(?:-\w{4}){3}\b", page.html)


def test_codes_are_switched_on_asked_for_and_switched_off(staff: User, app: Flask, pages: PageClient, clock: FakeClock) -> None:
    pages.sign_in("sam@example.org", PASSWORD)
    paper = switch_on(pages, clock)
    assert len(paper) == 10
    other = PageClient(app)
    page = other.sign_in("sam@example.org", PASSWORD)
    assert (page.path, page.h1) == ("/account/code", "Enter your code")
    assert other.get("/account").path == "/account/sign-in"  # a password alone opens nothing
    other.get("/account/code")
    page = other.submit("/account/code", code="123")
    assert page.status == 422 and "not right" in page.errors[0]
    assert other.submit("/account/code", code=paper[0]).path == "/"
    assert other.get("/account").path == "/account"
    other.get("/account/codes")
    assert other.submit("/account/codes/recovery", button="Switch codes off", code="123").status == 422
    page = pages.get("/account/codes")
    assert "9 codes on paper left" in page.text
    token = page.form("/account/codes/recovery")["csrf_token"]
    page = pages.post("/account/codes/off", {"csrf_token": token, "code": code_now(clock)})
    assert "Codes are switched off" in page.text and count_of(SecondFactor) == 0


def test_after_a_code_the_person_arrives_where_they_were_heading(staff: User, pages: PageClient, clock: FakeClock) -> None:
    pages.sign_in("sam@example.org", PASSWORD)
    switch_on(pages, clock)
    pages.get("/account")
    pages.submit("/account/sign-out")
    assert pages.get("/account/settings").path == "/account/sign-in"
    assert pages.submit("/account/sign-in", email="sam@example.org", password=PASSWORD).path == "/account/code"
    assert pages.submit("/account/code", code=code_now(clock)).path == "/account/settings"


@pytest.fixture
def worth_a_code(sqlite_app: Flask) -> list[str]:
    """A page of staff's that gives money back: what the desk's pages do with the decorator."""
    done: list[str] = []

    @sqlite_app.route("/refund", methods=["GET", "POST"])
    @staff_only(Role.STAFF)
    @fresh_second_factor
    def refund() -> str:
        done.append("refunded")
        return "<!doctype html><html lang=en-NZ><title>Refund</title><h1>Refund</h1>"

    return done


def test_what_is_worth_a_code_asks_for_one_once_codes_are_on(
    staff: User, worth_a_code: list[str], app: Flask, clock: FakeClock
) -> None:
    pages = PageClient(app, check=False)
    pages.sign_in("sam@example.org", PASSWORD)
    assert pages.get("/refund").path == "/refund" and len(worth_a_code) == 1  # codes are off: nothing is asked
    switch_on(pages, clock)
    assert pages.get("/refund").path == "/refund"  # a code was given a moment ago
    clock.advance(minutes=16)
    page = pages.get("/refund")
    assert (page.path, len(worth_a_code)) == ("/account/confirm-code", 2)
    assert pages.submit("/account/confirm-code", code="123").status == 422
    assert pages.submit("/account/confirm-code", code=code_now(clock)).path == "/refund"
    assert len(worth_a_code) == 3


def test_form_that_is_worth_a_code_does_nothing_before_it_and_leads_back(
    staff: User, worth_a_code: list[str], app: Flask, clock: FakeClock
) -> None:
    pages = PageClient(app, check=False)
    pages.sign_in("sam@example.org", PASSWORD)
    switch_on(pages, clock)
    clock.advance(minutes=16)
    token = pages.get("/account/settings").form("/account/sign-out")["csrf_token"]
    referrer = {"Referer": "http://muster.test/account/settings"}
    page = pages.post("/refund", {"csrf_token": token}, headers=referrer)
    assert page.path == "/account/confirm-code" and worth_a_code == []
    assert pages.submit("/account/confirm-code", code=code_now(clock)).path == "/account/settings"


class _Provider:
    """Answers as the real client does, of which tests/integrations tells; only what the pages do with it is looked at here."""

    said: Identity | None = Identity("https://id.example", "42", "sam@example.org", "Sam")

    def leave(self) -> Leaving:
        return Leaving("https://id.example/authorize?state=s1", "s1", "n1", "v1")

    def come_back(self, code: str, nonce: str, verifier: str) -> Identity:
        assert (nonce, verifier) == ("n1", "v1")
        if code != "good" or self.said is None:
            raise ProviderRefused("no")
        return self.said


@pytest.fixture
def provider(sqlite_app: Flask) -> _Provider:
    made = _Provider()
    sqlite_app.extensions["muster_sign_in_provider"] = made
    return made


def test_coming_back_from_the_provider_signs_in_and_goes_on(staff: User, provider: _Provider, pages: PageClient) -> None:
    page = pages.get("/account/provider/start?next=/account/settings")
    assert page.left_for == "https://id.example/authorize?state=s1"
    assert pages.get("/account/provider/return?state=s1&code=good").path == "/account/settings"
    assert pages.get("/account/provider/return?state=s1&code=good").status == 400  # once


@pytest.mark.parametrize(
    "query", ["state=s2&code=good", "code=good", "state=s1", "state=s1&error=access_denied", "state=s1&code=bad"]
)
def test_answer_that_was_not_asked_for_signs_nobody_in(staff: User, provider: _Provider, pages: PageClient, query: str) -> None:
    pages.get("/account/provider/start")
    page = pages.get(f"/account/provider/return?{query}")
    assert page.status == 400 and count_of(SignIn) == 0


def test_answer_in_another_browser_signs_nobody_in(staff: User, provider: _Provider, app: Flask, pages: PageClient) -> None:
    pages.get("/account/provider/start")
    assert PageClient(app).get("/account/provider/return?state=s1&code=good").status == 400 and count_of(SignIn) == 0


def test_provider_spares_nobody_the_code(
    staff: User, provider: _Provider, app: Flask, pages: PageClient, clock: FakeClock
) -> None:
    pages.sign_in("sam@example.org", PASSWORD)
    switch_on(pages, clock)
    other = PageClient(app)
    other.get("/account/provider/start")
    assert other.get("/account/provider/return?state=s1&code=good").path == "/account/code"


def test_without_a_provider_there_is_none(app: Flask, pages: PageClient) -> None:
    assert "provider" not in pages.get("/account/sign-in").text
    assert pages.get("/account/provider/start").status == 404


def _try_from(app: Flask, place: int, password: str = WRONG) -> int:
    """One try at Sam's account from somewhere else each time."""
    pages = PageClient(app)
    pages.get("/account/sign-in")
    where: Any = {"REMOTE_ADDR": f"10.0.{place // 250}.{place % 250 + 1}"}
    form = pages.page.form("/account/sign-in")  # type: ignore[union-attr]
    data = {"csrf_token": form["csrf_token"], "email": "sam@example.org", "password": password}
    return pages.post("/account/sign-in", data, environ_base=where).status


def test_guessing_from_everywhere_is_stopped_and_the_owner_gets_in(staff: User, app: Flask, pages: PageClient) -> None:
    pages.sign_in("sam@example.org", PASSWORD)
    pages.get("/account")
    pages.submit("/account/sign-out")
    answers = [_try_from(app, place) for place in range(55)]
    assert answers[:50] == [422] * 50 and answers[50:] == [429] * 5
    assert _try_from(app, 99, PASSWORD) == 429  # even a right guess from nowhere known
    assert pages.sign_in("sam@example.org", PASSWORD).path == "/"  # this browser has been here before


def test_owner_on_a_new_browser_gets_in_by_a_link(staff: User, app: Flask) -> None:
    for place in range(51):
        _try_from(app, place)
    pages = PageClient(app)
    assert pages.sign_in("sam@example.org", PASSWORD).status == 429
    pages.get("/account/forgotten-password")
    pages.submit("/account/forgotten-password", email="sam@example.org")
    pages.get(link_to("sam@example.org"))
    pages.submit("/account/new-password", password="another long password")
    assert pages.sign_in("sam@example.org", "another long password").path == "/"


@pytest.mark.parametrize("path", ["/account/sign-up", "/account/forgotten-password"])
def test_mails_are_asked_for_slowly(staff: User, app: Flask, path: str) -> None:
    pages = PageClient(app)
    answers = []
    for _ in range(6):
        pages.get(path)
        answers.append(pages.submit(path, email="sam@example.org").status)
    assert answers == [200] * 5 + [429] and len(letters_to("sam@example.org")) == 1


def test_known_browser_is_no_key_to_an_account(staff: User, app: Flask, pages: PageClient) -> None:
    pages.sign_in("sam@example.org", PASSWORD)
    kept = pages.http.get_cookie("muster-known", domain="muster.test")
    assert kept is not None and "sam" not in kept.value and kept.http_only
    other = PageClient(app)
    other.http.set_cookie("muster-known", kept.value, domain="muster.test")
    assert other.get("/account").path == "/account/sign-in"
