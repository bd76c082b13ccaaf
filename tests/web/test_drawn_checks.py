"""The check page is drawn once for many: each person's own name and address in it, as they typed them, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, template_rendered

from app.models import ClubSession
from app.queries.questions import asked_by
from app.rules.statuses import QuestionKind
from app.services import places, questions
from app.services.questions import QuestionFields
from app.transaction import transaction
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.web.test_registration import check

NASTY = "Ana <b>\"O'Lee\"</b> & Co"


@pytest.fixture
def drawn(sqlite_app: Flask) -> Iterator[list[str]]:
    """The check pages that were drawn."""
    names: list[str] = []

    def note(_sender: Flask, template: Any, **_: Any) -> None:
        names.extend([template.name] if template.name == "registration/check.html" else [])

    with template_rendered.connected_to(note, sqlite_app):
        yield names


def shown(page: Any) -> tuple[str, str, str]:
    """Name, address and one-time key that the page would send on."""
    form = page.form("/register")
    return form["name"], form["email"], form["attempt"]


def test_each_gets_their_own_words_in_a_page_drawn_once(sqlite_app: Flask, drawn: list[str]) -> None:
    session = make_club_session(capacity=9)
    people = [("Ben Rua", "ben@example.org"), (NASTY, "ana@example.org"), ("attempt", "csrf_token@example.org")]
    attempts = set()
    for name, email in people:
        page = check(PageClient(sqlite_app), session, name=name, email=email)
        assert page.status == 200 and name in page.text and email in page.text and "<b>" not in page.html
        assert shown(page)[:2] == (name, email)
        assert not [other for other, _ in people if other != name and f">{other}<" in page.html]
        attempts.add(shown(page)[2])
        with transaction() as db:
            assert places.take(db, session.id, 1)
    assert len(attempts) == 3 and drawn == ["registration/check.html"]


def test_page_follows_the_places_the_price_and_the_waitlist(sqlite_app: Flask, drawn: list[str]) -> None:
    session = make_club_session(capacity=3, waitlist_capacity=2)
    assert "NZ$12.00" in check(PageClient(sqlite_app), session).text
    assert "NZ$24.00" in check(PageClient(sqlite_app), session, places=2).text
    with transaction() as db:
        db.get_one(ClubSession, session.id).non_member_price_cents = 1300
    assert "NZ$13.00" in check(PageClient(sqlite_app), session).text
    with transaction() as db:
        assert places.take(db, session.id, 3)
    assert check(PageClient(sqlite_app), session).h1 == "Check before you join the waitlist"
    assert len(drawn) == 4


def test_who_typed_more_gets_a_page_of_their_own(sqlite_app: Flask, drawn: list[str]) -> None:
    session = make_club_session()
    check(PageClient(sqlite_app), session)
    questions.add(session.slug, "question1", QuestionFields(QuestionKind.TEXT, "Shirt size"), "user:7")
    field = asked_by(session.slug)[0].field
    for size in ("Medium", "Large"):
        page = check(PageClient(sqlite_app), session, **{field: size})
        assert size in page.text and page.form("/register")[field] == size
