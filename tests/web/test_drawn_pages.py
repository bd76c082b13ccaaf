"""Pages that are kept once drawn: never older than the facts, never somebody else's, and told apart by a few bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, template_rendered

from app import clock as app_clock
from app.models import ClubSession
from app.rules.statuses import QuestionKind, Role
from app.services import places, questions
from app.services.questions import QuestionFields
from app.transaction import transaction
from tests.support.factories import make_club_session, make_plan
from tests.support.pages import PageClient

from .desk import sign_in


@pytest.fixture
def drawn(sqlite_app: Flask) -> Iterator[list[str]]:
    """Names of the pages that were drawn."""
    names: list[str] = []

    def note(_sender: Flask, template: Any, **_: Any) -> None:
        if not template.name.startswith("layouts/"):
            names.append(template.name)

    with template_rendered.connected_to(note, sqlite_app):
        yield names


def take(session: ClubSession, count: int) -> None:
    with transaction() as db:
        assert places.take(db, session.id, count)


@pytest.mark.parametrize("path", ["/", "/sessions/{slug}"])
def test_a_page_is_drawn_once_for_all_visitors(sqlite_app: Flask, drawn: list[str], path: str) -> None:
    address = path.format(slug=make_club_session().slug)
    bodies = {sqlite_app.test_client().get(address).data for _ in range(3)}
    assert len(bodies) == 1 and len(drawn) == 1


@pytest.mark.parametrize("path", ["/", "/sessions/{slug}"])
def test_each_place_that_goes_is_on_the_page_at_once(sqlite_app: Flask, path: str) -> None:
    session = make_club_session(capacity=3)
    for left in ("3 places left", "2 places left", "1 place left"):
        assert left in sqlite_app.test_client().get(path.format(slug=session.slug)).text
        take(session, 1)
    assert "Full" in sqlite_app.test_client().get(path.format(slug=session.slug)).text


@pytest.mark.parametrize("path", ["/", "/sessions/{slug}"])
def test_time_alone_changes_the_page_at_its_very_moment(sqlite_app: Flask, clock: Any, path: str) -> None:
    session = make_club_session(opens_at=app_clock.now() + timedelta(seconds=61))
    address = path.format(slug=session.slug)
    shut = sqlite_app.test_client().get(address).text
    clock.advance(seconds=60)
    assert sqlite_app.test_client().get(address).text == shut
    clock.advance(seconds=1)
    assert sqlite_app.test_client().get(address).text != shut


def test_who_is_signed_in_gets_their_own_page_and_leaves_none_behind(sqlite_app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.ADMIN)
    assert 'href="/admin/"' in pages.get("/").html
    assert 'href="/admin/"' not in sqlite_app.test_client().get("/").text
    assert 'href="/admin/"' in pages.get("/").html


def test_a_browser_that_has_the_page_is_told_so(sqlite_app: Flask) -> None:
    session = make_club_session()
    first = sqlite_app.test_client().get(f"/sessions/{session.slug}")
    etag = first.headers["ETag"]
    again = sqlite_app.test_client().get(f"/sessions/{session.slug}", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    take(session, 1)
    changed = sqlite_app.test_client().get(f"/sessions/{session.slug}", headers={"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["ETag"] != etag


def test_shared_caches_must_ask_and_tell_visitors_from_others(sqlite_app: Flask) -> None:
    answer = sqlite_app.test_client().get("/")
    assert "no-cache" in answer.headers["Cache-Control"] and "Cookie" in answer.headers["Vary"]


def keys(answer: Any) -> tuple[str, str]:
    """The two keys of a form that belong to one person."""
    hidden = dict(re.findall(r'type="hidden" name="(csrf_token|attempt)" value="([^"]+)"', answer.text))
    return hidden["csrf_token"], hidden["attempt"]


def test_a_form_is_drawn_once_and_each_browser_has_keys_of_its_own(sqlite_app: Flask, drawn: list[str]) -> None:
    address = f"/sessions/{make_club_session().slug}/register"
    answers = [sqlite_app.test_client().get(address) for _ in range(3)]
    assert drawn.count("registration/form.html") == 1
    assert len({keys(answer)[0] for answer in answers}) == len({keys(answer)[1] for answer in answers}) == 3
    texts = [answer.text.replace(keys(answer)[0], "").replace(keys(answer)[1], "") for answer in answers]
    assert texts[0] == texts[1] == texts[2] and "</html>" in texts[0]


def test_a_kept_form_can_be_sent_by_the_browser_that_got_it_and_by_no_other(sqlite_app: Flask) -> None:
    address = f"/sessions/{make_club_session().slug}/register"
    sqlite_app.test_client().get(address)
    mine, other = sqlite_app.test_client(), sqlite_app.test_client()
    csrf, attempt = keys(mine.get(address))
    other.get(address)
    sent = {"csrf_token": csrf, "attempt": attempt, "name": "Ana", "email": "ana@example.org", "places": "1"}
    assert other.post(f"{address}/check", data=sent).status_code == 400
    checked = mine.post(f"{address}/check", data=sent)
    assert checked.status_code == 200 and keys(checked)[1] == attempt


def test_a_kept_form_follows_the_places_the_price_the_questions_and_the_plans(sqlite_app: Flask) -> None:
    session = make_club_session(capacity=3, non_member_price_cents=1200, member_price_cents=800)
    address = f"/sessions/{session.slug}/register"

    def form() -> str:
        return sqlite_app.test_client().get(address).text

    assert "3 places left" in form() and "Join the club" not in form() and "Shirt size" not in form()
    take(session, 1)
    assert "2 places left" in form()
    make_plan(price_cents=5000)
    assert "Join the club" in form()
    questions.add(session.slug, "question1", QuestionFields(QuestionKind.TEXT, "Shirt size"), "user:7")
    assert "Shirt size" in form()
    questions.add(session.slug, "question2", QuestionFields(QuestionKind.TEXT, "Dietary needs"), "user:7")
    assert "Dietary needs" in form()
    with transaction() as db:
        db.get_one(ClubSession, session.id).non_member_price_cents = 1300
    assert "13.00" in form()


def test_whoever_comes_too_late_is_told_by_one_drawing_until_a_place_is_free_again(sqlite_app: Flask, drawn: list[str]) -> None:
    session = make_club_session(capacity=1, non_member_price_cents=None, member_price_cents=None)
    address = f"/sessions/{session.slug}/register"

    def send(number: int, form: Any) -> Any:
        browser, page = form
        sent = dict(zip(("csrf_token", "attempt"), keys(page), strict=True))
        sent |= {"name": "Ana", "email": f"ana{number}@example.org", "places": "1", "expected_price_cents": "0"}
        return browser.post(address, data=sent)

    browsers = [sqlite_app.test_client() for _ in range(4)]
    forms = [(browser, browser.get(address)) for browser in browsers]
    take(session, 1)
    late = [send(number, form) for number, form in enumerate(forms[:3])]
    assert {answer.status_code for answer in late} == {409} and len({answer.text for answer in late}) == 1
    assert "This session is full" in late[0].text and drawn.count("registration/closed.html") == 1
    with transaction() as db:
        places.release(db, session.id, 1)
    assert send(3, forms[3]).status_code == 303
