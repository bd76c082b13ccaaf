"""The button's form is made from what was read a moment ago, if that says yes: what counts is read once more by the service.

So nobody pays an old price, nobody is told a no that is over, and in a rush each booking reads its session once less.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from cachetools import TTLCache
from flask import Flask
from sqlalchemy import update

from app import clock
from app.models import ClubSession, Registration
from app.queries import club_sessions, raw_rows
from app.rules.statuses import QuestionKind, SessionStatus
from app.services import questions
from app.services.questions import QuestionFields
from app.transaction import transaction
from tests.support.booking import taken
from tests.support.factories import make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import count_of, the
from tests.web.test_registration import check, confirm

Seen = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which what was read grows old; it stands still until the test moves it."""
    now = [0.0]
    kept: TTLCache[Any, Any] = TTLCache(8, raw_rows.LATELY_SECONDS, timer=lambda: now[0])
    monkeypatch.setattr(raw_rows, "_lately", kept)
    return now


def read_by(seen: list[str]) -> int:
    return sum("FROM club_sessions" in statement for statement in seen if statement.startswith("SELECT"))


def change(session: ClubSession, **values: Any) -> None:
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == session.id).values(values))


def big_session(**values: Any) -> ClubSession:
    return make_free_club_session(capacity=100, **values)


def test_the_button_reads_the_session_once_if_somebody_just_did(
    sqlite_app: Flask, pages: PageClient, moment: list[float], statements: Seen
) -> None:
    session = big_session()
    check(pages, session)
    with statements() as seen:
        assert confirm(pages).status == 303
    assert read_by(seen) == 1 and taken(session) == 1
    other = PageClient(sqlite_app)
    check(other, session, name="Ben", email="ben@example.org")
    moment[0] += raw_rows.LATELY_SECONDS
    with statements() as seen:
        assert confirm(other).status == 303
    assert read_by(seen) == 2, "what was read then is too old now"


def test_near_the_end_it_is_read_each_time(
    sqlite_app: Flask, pages: PageClient, moment: list[float], statements: Seen
) -> None:
    """Who comes too late is to be told by the page, before a transaction is begun."""
    session = make_free_club_session(capacity=5)
    check(pages, session)
    with statements() as seen:
        assert confirm(pages).status == 303
    assert read_by(seen) == 2


def test_a_no_of_a_moment_ago_is_looked_at_again(sqlite_app: Flask, pages: PageClient, moment: list[float]) -> None:
    session = big_session(max_places=1)
    check(pages, session)
    change(session, max_places=3)
    assert confirm(pages, places=3).status == 303 and the(Registration).places == 3


def test_a_yes_of_a_moment_ago_is_decided_by_what_is_so_now(
    sqlite_app: Flask, pages: PageClient, moment: list[float], stripe_simulator: Any
) -> None:
    session = big_session()
    changes: list[tuple[dict[str, Any], str]] = [
        ({"non_member_price_cents": 1500, "member_price_cents": 1500}, "The price has changed"),
        ({"closes_at": clock.now() - timedelta(minutes=1)}, "Registration"),
        ({"status": SessionStatus.CANCELLED}, "cancelled"),
    ]
    for values, words in changes:
        check(pages, session)
        change(session, **values)
        page = confirm(pages)
        assert page.status in (409, 410) and words in page.text, (values, page.status, page.h1)
        change(session, non_member_price_cents=None, member_price_cents=None, closes_at=None)
        moment[0] += raw_rows.LATELY_SECONDS
    assert count_of(Registration) == 0 and taken(session) == 0


def test_a_question_asked_meanwhile_is_asked(sqlite_app: Flask, pages: PageClient, moment: list[float]) -> None:
    session = big_session()
    check(pages, session)
    questions.add(session.slug, "q" * 12, QuestionFields(QuestionKind.TEXT, "Which shoes?", required=True), "test")
    page = confirm(pages)
    assert page.status == 422 and "Which shoes?" in page.text and count_of(Registration) == 0


def test_what_only_a_transaction_sees_is_not_kept(sqlite_app: Flask, moment: list[float]) -> None:
    session = big_session()
    with pytest.raises(ZeroDivisionError), transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == session.id).values(title="Not yet"))
        assert "Not yet" in club_sessions.page_facts(session.slug)[0]
        raise ZeroDivisionError
    assert "Not yet" not in club_sessions.lately_page_facts(session.slug)[0]
