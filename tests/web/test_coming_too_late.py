"""Pressing the button when the session has just become full: said at once, without holding up those who got a place.

Who has something there already is still led to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Any

import pytest
from flask import Flask

from app.extensions import db as flask_db
from app.models import ClubSession, Order
from tests.support.booking import mails, taken
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import count_of
from tests.web.test_registration import check, confirm


@pytest.fixture
def last_place(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> ClubSession:
    """A session of one place; Ana is about to take it."""
    club_session = make_club_session(capacity=1)
    check(pages, club_session)
    return club_session


def test_too_late_is_said_without_waiting_for_a_writer(
    sqlite_app: Flask, pages: PageClient, last_place: ClubSession, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    late = PageClient(sqlite_app)
    check(late, last_place, name="Ben", email="ben@example.org")
    confirm(pages)
    with closing(sqlite3.connect(str(flask_db.engine.url.database), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with statements() as seen:
            page = confirm(late)
    assert (page.status, page.h1) == (409, "This session is full")
    assert len(seen) == 2 and all(statement.startswith("SELECT") for statement in seen), "\n".join(seen)
    assert count_of(Order) == 1 and taken(last_place) == 1


def test_second_press_of_who_was_in_time_leads_to_the_order(pages: PageClient, last_place: ClubSession) -> None:
    form = pages.page.form("/register") if pages.page else None
    first, second = pages.submit(form, follow=False), pages.submit(form, follow=False)
    assert second.status == 303 and second.headers["Location"] == first.headers["Location"]


def test_who_has_a_place_there_gets_a_mail_and_not_that_it_is_full(
    sqlite_app: Flask, pages: PageClient, last_place: ClubSession
) -> None:
    elsewhere = PageClient(sqlite_app)
    check(elsewhere, last_place)
    confirm(pages)
    page = confirm(elsewhere)
    assert (page.status, page.h1) == (409, "Check your e-mail") and mails() == ["booking_link"]
