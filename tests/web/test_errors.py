"""What a person reads when something goes wrong: what to do next, in the layout of the site, never a detail for developers."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import readable
from app.models import BasketItem, Order
from app.queries import club_sessions
from app.rules.statuses import Role
from app.services import checkout
from tests.support.booking import begin, do_not_pause, states, taken
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session
from tests.support.outage import database_away
from tests.support.pages import PageClient
from tests.support.rows import count_of, the
from tests.web.desk import sign_in
from tests.web.test_basket import put


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def check(pages: PageClient, club_session: Any, **values: Any) -> Any:
    pages.get(f"/sessions/{club_session.slug}/register")
    return pages.submit("/register", **{"name": "Ana Lee", "email": "ana@example.org", **values})


def test_page_that_is_not_there(sqlite_app: Flask, pages: PageClient) -> None:
    page = pages.get("/no-such-page/<script>alert(1)</script>")
    assert (page.status, page.h1) == (404, "Page not found") and "alert(1)" not in page.html
    assert any(link.endswith("/") for link in page.links.values()), "there is a way on"


def test_slash_too_many_leads_to_the_page_that_was_meant(sqlite_app: Flask, pages: PageClient) -> None:
    page = pages.get("/membership/?plan=club", follow=False)
    assert (page.status, page.headers["Location"]) == (308, "/membership?plan=club")
    for path in ("/no-such-page/", "/membership//"):
        assert pages.get(path, follow=False).status == 404, path
    assert pages.get(f"/sessions/{make_club_session().slug}/").status == 200


def test_method_that_does_not_fit(sqlite_app: Flask, pages: PageClient) -> None:
    assert (pages.get("/account/sign-out").status, pages.get("/account/sign-out").h1) == (405, "That does not work here")


def test_form_that_is_too_large(sqlite_app: Flask, pages: PageClient) -> None:
    club_session = make_club_session()
    pages.get(f"/sessions/{club_session.slug}/register")
    page = pages.submit("/register", name="x" * (513 * 1024), email="ana@example.org")
    assert (page.status, page.h1) == (413, "That is too much") and count_of(Order) == 0


def test_mistake_of_ours_says_that_it_is_ours_and_nothing_else(
    sqlite_app: Flask, pages: PageClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a detail for developers")

    monkeypatch.setattr(club_sessions, "upcoming_facts", broken)
    sqlite_app.testing = False  # as in production: errors are answered, not passed on
    page = pages.get("/sessions.ics")
    assert (page.status, page.h1) == (500, "Something went wrong on our side")
    assert f"500, {page.headers['X-Request-Id']}" in page.text, "the club finds the lines of the log by it"
    assert "If you have paid, your payment is safe" in page.text
    assert not any(words in page.html for words in ("a detail for developers", "Traceback", "RuntimeError"))
    assert "public.calendar" in caplog.text, "the log says where"


@pytest.mark.parametrize("path", ["/", "/sessions/x", "/sessions/x/register", "/orders/" + "x" * 32, "/sessions.ics"])
def test_without_the_database_every_page_says_to_come_back(sqlite_app: Flask, pages: PageClient, path: str) -> None:
    with database_away(sqlite_app):
        page = pages.get(path)
        assert (page.status, page.h1, page.headers["Retry-After"]) == (503, "We cannot do that right now", "30")
        assert "sqlite" not in page.html.lower() and "Traceback" not in page.html
    assert pages.get("/").status == 200


def test_registering_while_the_database_is_away_keeps_nothing_and_can_be_sent_again(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    form = check(pages, club_session).form("/register")
    with database_away(sqlite_app):
        assert pages.submit(form).status == 503
    assert stripe_simulator.control.counts() == {} and taken(club_session) == 0
    assert pages.submit(form, follow=False).status == 303 and taken(club_session) == 1


# --- Stripe away (promise 14) ------------------------------------------------------------------------------------------------


def test_with_stripe_away_browsing_free_registrations_and_their_cancelling_go_on(sqlite_app: Flask, pages: PageClient) -> None:
    """The settings of this test name an address where nothing listens."""
    club_session = make_free_club_session()
    assert pages.get("/").status == pages.get(f"/sessions/{club_session.slug}").status == 200
    check(pages, club_session)
    assert pages.submit("/register").h1 == "You are registered" and taken(club_session) == 1
    assert pages.submit("/cancel").status == 200 and taken(club_session) == 0


@pytest.mark.parametrize(("kind", "times"), [("500", 2), ("refused", 2), ("429", 1), ("401", 1)])
def test_with_stripe_away_the_form_comes_back_filled_in_and_nothing_is_kept(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, kind: str, times: int
) -> None:
    club_session = make_club_session(capacity=2)
    check(pages, club_session, places=2)
    stripe_simulator.control.fail("checkout.create", kind=kind, times=times, stored=False)
    page = pages.submit("/register")
    assert page.status == 503 and "We cannot take payments right now" in page.text and "no place is kept" in page.text
    shown = page.form("/register")
    assert (shown["name"], shown["email"], shown["places"]) == ("Ana Lee", "ana@example.org", "2")
    assert taken(club_session) == 0 and states(the(Order).token)[:2] == ("expired", "expired")
    pages.submit("/register")
    assert pages.submit("/register", follow=False).status == 303, "the same page leads on once Stripe is back"
    assert taken(club_session) == 2 and count_of(Order) == 2


@pytest.mark.parametrize("kind", ["500", "refused"])
def test_answer_lost_after_stripe_acted_leads_on_to_the_one_checkout(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, kind: str
) -> None:
    check(pages, make_club_session())
    stripe_simulator.control.fail("checkout.create", kind=kind, when="after", stored=False)
    page = pages.submit("/register", follow=False)
    assert page.headers["Location"] == stripe_simulator.checkout()["url"] and len(stripe_simulator.control.sessions()) == 1


def test_return_with_stripe_away_says_that_the_payment_is_safe(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.control.fail("checkout.retrieve", kind="500", times=3)
    page = pages.get(f"/orders/{token}/success?session_id={stripe_simulator.checkout()['id']}")
    assert page.status == 503 and "your payment is safe" in page.text
    assert "You are registered" not in page.text and "failed" not in page.text


def test_order_that_ended_while_stripe_answered_has_a_page_of_its_own(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(pages, make_club_session())
    monkeypatch.setattr(checkout, "_store", lambda *_: False)
    page = pages.submit("/register")
    assert (page.status, page.h1) == (409, "This order is no longer open")
    assert stripe_simulator.checkout()["status"] == "expired"


# --- What nothing can read ----------------------------------------------------------------------------------------------------


def with_query(pages: PageClient, path: str, query: str) -> TestResponse:
    """``query`` as it stands in the request's first line, in latin-1: a browser would write it in ASCII."""
    return pages.http.get(path, base_url=pages.base_url, environ_overrides={"QUERY_STRING": query})


@pytest.mark.parametrize("path", ["/", "/account/sign-in", "/account/provider/start", "/basket", "/admin/people"])
def test_query_that_is_no_text_is_not_our_fault(sqlite_app: Flask, pages: PageClient, path: str) -> None:
    answer = with_query(pages, path, "next=\xff")
    assert answer.status_code == 400 and "We could not read that" in answer.text
    assert with_query(pages, path, "next=\xc4\x81").status_code != 400, "text is text, though it is not percent-encoded"


def test_query_that_is_no_text_does_not_hide_that_there_is_no_such_page(sqlite_app: Flask, pages: PageClient) -> None:
    assert with_query(pages, "/no-such-page/", "a=\xff").status_code == 404
    meant = with_query(pages, "/membership/", "a=\xff")
    assert (meant.status_code, meant.headers["Location"]) == (308, "/membership?a=%EF%BF%BD")


@pytest.mark.databases("sqlite", "postgresql")
def test_nul_is_refused_wherever_it_comes(app: Flask, pages: PageClient) -> None:
    make_club_session(slug="badminton")
    app.config["WTF_CSRF_ENABLED"] = False
    sent: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/account/sign-in", {"data": {"email": "a\0b@club.example", "password": PASSWORD}}),
        ("/account/sign-in", {"data": {"email": "ana@club.example", "next": "\0"}, "content_type": "multipart/form-data"}),
        ("/sessions/badminton/register", {"data": {"name": "Ana", "email": "ana@club.example", "code": "AB\0C"}}),
        ("/basket/code", {"data": {"code": ["ABC", "\0"]}}),
        ("/admin/products/course/files/new", {"data": {"file": (BytesIO(b"x"), "a\0b.pdf")}}),
    )
    for path, what in sent:
        answer = pages.http.post(path, base_url=pages.base_url, **what)
        assert answer.status_code == 400 and "We could not read that" in answer.text, (path, what)
    for path in ("/?q=a%00b", "/sessions/badminton?%00", "/admin/people?q=%00"):
        assert pages.get(path).status == 400, path
    pages.http.set_cookie("basket", "a\0b", domain="muster.test")
    assert pages.get("/basket").status == 400


@pytest.mark.databases("postgresql")
def test_twin_postgresql_takes_no_nul(app: Flask, pages: PageClient) -> None:
    app.before_request_funcs[None].remove(readable.refuse_unreadable)
    sign_in(pages, Role.STAFF)
    app.testing = False
    assert pages.get("/admin/people?q=a%00b").status == 500


@pytest.mark.databases("sqlite", "postgresql")
def test_number_that_no_database_holds_is_no_page(app: Flask, pages: PageClient) -> None:
    make_club_session(slug="badminton")
    visitor = PageClient(app)
    put(visitor, "registration", "badminton", quantity=1)
    csrf = visitor.get("/basket").form("/remove")["csrf_token"]
    sign_in(pages, Role.ADMIN)
    for number in (2**31, 2**63 - 1, 2**63, 10**30, int("9" * 4000), -1):
        for path in ("people/{}", "people/{}/role", "cases/{}", "codes/{}/edit", "memberships/{}/change", "purchases/{}/refund",
                     "memberships/give?person={}", "sessions/badminton/mail/{}", "audit?person={}"):  # fmt: skip
            status = pages.get(f"/admin/{path}".format(number)).status
            assert status == (200 if number < 0 and "audit" in path else 404), (path, number)
        assert visitor.post(f"/basket/lines/{number}/remove", {"csrf_token": csrf}).status in (200, 404), number
    assert count_of(BasketItem) == 1
