"""What a booking asks of the database, and that what it no longer asks is said all the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask

from app.extensions import db
from app.models import Order, OutgoingEmail
from app.rules.refusals import SessionFull
from app.services import letters, registrations
from app.transaction import transaction
from tests.support.booking import applicant, mails, taken
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import the

REGISTER = registrations.register


def test_paid_registration_takes_two_statements_or_seven(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    club_session = make_club_session(capacity=50)
    REGISTER(club_session.slug, applicant())
    with statements() as seen:
        REGISTER(club_session.slug, applicant())
    assert len(seen) == each(2, 7), "\n".join(seen)


@pytest.mark.parametrize("capacity", [50, 10], ids=["while much is left", "near the end"])
def test_free_registration_takes_few_statements_in_a_rush(
    app: Flask, statements: Callable[[], AbstractContextManager[list[str]]], capacity: int
) -> None:
    club_session = make_free_club_session(capacity=capacity)
    for number in range(3):
        with statements() as seen:
            REGISTER(club_session.slug, applicant(email=f"person{number}@example.org", expected_price_cents=0))
    wanted = each(2, 7) if capacity == 50 else each(3, 7)
    assert len(seen) == wanted, "and the page's own reading of the session makes one more: " + "\n".join(seen)
    assert taken(club_session) == 3 and len(mails()) == 3


def each(postgresql: int, sqlite: int) -> int:
    """PostgreSQL is told in one statement what SQLite, which is no messages away, is told in several."""
    return postgresql if db.engine.dialect.name == "postgresql" else sqlite


def test_coming_too_late_takes_two_statements(app: Flask, statements: Callable[[], AbstractContextManager[list[str]]]) -> None:
    """The session, and whether this very person is in it: nobody asks for a place that is not there."""
    club_session = make_free_club_session(capacity=1)
    REGISTER(club_session.slug, applicant(expected_price_cents=0))
    for _ in range(2):
        with statements() as seen, pytest.raises(SessionFull):
            REGISTER(club_session.slug, applicant(expected_price_cents=0))
    assert len(seen) == 2 and not any(statement.startswith("UPDATE") for statement in seen), "\n".join(seen)


def test_letter_says_what_the_order_says_when_it_is_read_again(app: Flask) -> None:
    """It is written from what was inserted, without asking for it."""
    club_session = make_free_club_session(capacity=4, refund_until=make_free_club_session().starts_at)
    REGISTER(club_session.slug, applicant(expected_price_cents=0, places=2))
    with transaction() as session:
        read = letters._context(session, the(Order).id, may_sign_up=True)[1]
    assert the(OutgoingEmail).context == read and read["items"][0]["session"]["places"] == 2
