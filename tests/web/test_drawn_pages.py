"""Pages that are kept once drawn: never older than the facts, never somebody else's, and told apart by a few bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, template_rendered

from app import clock as app_clock
from app.models import ClubSession
from app.rules.statuses import Role
from app.services import places
from app.transaction import transaction
from tests.support.factories import make_club_session
from tests.support.pages import PageClient

from .desk import sign_in


@pytest.fixture
def drawn(sqlite_app: Flask) -> Iterator[list[str]]:
    """Names of the pages that were drawn."""
    names: list[str] = []

    def note(_sender: Flask, template: Any, **_: Any) -> None:
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
