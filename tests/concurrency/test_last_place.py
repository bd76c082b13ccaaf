"""The last place, raced by threads through the service and through the form: sold exactly once, and nobody meets an error.

The twins race the same with the guard off, and oversell each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.models import ClubSession, Registration
from app.rules.refusals import NotEnoughPlaces, SessionFull
from app.rules.statuses import TAKEN
from app.services.registrations import Outcome as Entry
from tests.concurrency import guards
from tests.concurrency.racing import Meeting, Outcome, all_is_well, buy, race, refusals, values
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, the

THREADS = 24
ROUNDS = 6
TWIN_ROUNDS = 5
BROWSERS = 8


def sold(slug: str) -> int:
    """Places of the registrations that hold one, counted by the rows."""
    club_session = the(ClubSession, slug=slug)
    return sum(row.places for row in all_of(Registration, club_session_id=club_session.id) if row.status in TAKEN)


@pytest.mark.parametrize("make", [make_free_club_session, make_club_session], ids=["free", "paid"])
def test_last_place_is_sold_to_one_of_many(app: Flask, make: Callable[..., ClubSession]) -> None:
    for _ in range(ROUNDS):
        session = make(capacity=1)
        price = session.non_member_price_cents or 0
        outcomes = race(app, [buy(session.slug, n, expected_price_cents=price) for n in range(THREADS)])
        assert len(values(outcomes)) == sold(session.slug) == the(ClubSession, id=session.id).places_taken == 1
        assert refusals(outcomes) == {"SessionFull": THREADS - 1}
    all_is_well()


def test_last_place_is_oversold_when_the_guard_is_off(app: Flask) -> None:
    """The twin: both have looked before either writes, each time."""
    meetings: list[Meeting] = []
    breaches = 0
    with guards.unguarded_places(lambda: meetings[-1].wait()):
        for _ in range(TWIN_ROUNDS):
            session = make_free_club_session(capacity=1)
            meetings.append(Meeting(2))
            values(race(app, [buy(session.slug, n) for n in range(2)]))
            breaches += sold(session.slug) == the(ClubSession, id=session.id).places_taken == 2
    assert breaches >= 1


def test_database_itself_refuses_when_only_the_guard_is_off(app: Flask) -> None:
    session = make_free_club_session(capacity=1)
    with guards.unguarded_places(Meeting(2).wait, check=True):
        outcomes = race(app, [buy(session.slug, n) for n in range(2)])
    assert sorted(type(outcome.error).__name__ for outcome in outcomes) == ["IntegrityError", "NoneType"]
    [refused] = [outcome.error for outcome in outcomes if isinstance(outcome.error, IntegrityError)]
    assert guards.CHECK in str(refused)
    assert sold(session.slug) == the(ClubSession, id=session.id).places_taken == 1
    all_is_well()


@pytest.mark.databases("sqlite")
def test_plain_begin_fails_where_begin_immediate_waits(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of nobody meeting an error: with a plain BEGIN one of two is told that the database is locked."""
    monkeypatch.setattr("app.transaction.TRIES", 1)
    session = make_free_club_session(capacity=2)
    meeting, take = Meeting(2), guards.places.take

    def look_first(db: Any, club_session_id: int, places: int, **kwargs: Any) -> bool:
        meeting.wait()  # both have read, and so hold a snapshot, before either writes
        return take(db, club_session_id, places, **kwargs)

    monkeypatch.setattr("app.services.places.take", look_first)
    with guards.deferred_begin():
        outcomes = race(app, [buy(session.slug, n) for n in range(2)])
    assert ["database is locked" in str(outcome.error) for outcome in outcomes].count(True) == 1
    assert sold(session.slug) == 1


def test_groups_never_exceed_the_capacity_and_fill_it(app: Flask) -> None:
    for capacity in (1, 7, 10, 16, 30):
        session = make_free_club_session(capacity=capacity)
        wanted = [1 + n * 7 % 4 for n in range(THREADS)]
        outcomes = race(app, [buy(session.slug, n, places=places) for n, places in enumerate(wanted)])
        values(outcomes)
        left = capacity - sold(session.slug)
        assert the(ClubSession, id=session.id).places_taken == capacity - left
        assert left >= 0
        for outcome, places in zip(outcomes, wanted, strict=True):
            if outcome.refusal is not None:
                assert isinstance(outcome.refusal, SessionFull | NotEnoughPlaces)
                assert places > left, "refused although it would still fit"
    all_is_well()


def test_groups_exceed_the_capacity_when_the_guard_is_off(app: Flask) -> None:
    session = make_free_club_session(capacity=5)
    with guards.unguarded_places(Meeting(3).wait):
        values(race(app, [buy(session.slug, n, places=n + 2) for n in range(3)]))
    assert sold(session.slug) == 9


def test_places_then_the_waitlist_fill_up_and_the_rest_is_refused(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=2, waitlist_capacity=3)
        outcomes = race(app, [buy(session.slug, n, accept_waitlist=True) for n in range(THREADS)])
        entered = [entered.outcome for entered in values(outcomes)]
        assert (entered.count(Entry.REGISTERED), entered.count(Entry.WAITLISTED), len(entered)) == (2, 3, 5)
        assert refusals(outcomes) == {"SessionFull": THREADS - 5}
        row = the(ClubSession, id=session.id)
        assert (row.places_taken, row.waitlist_taken) == (2, 3)
    all_is_well()


# --- through the form ---------------------------------------------------------------------------------------------------------


def browsers(app: Flask, slug: str, count: int) -> list[Callable[[], tuple[int, str]]]:
    """So many people, each in a browser of their own, with everything filled in and their finger on the button."""

    def person(number: int) -> Callable[[], tuple[int, str]]:
        browser = PageClient(app)
        browser.get(f"/sessions/{slug}/register")
        assert browser.submit(0, name=f"Buyer {number}", email=f"buyer{number}@example.org").status == 200

        def press() -> tuple[int, str]:
            page = browser.submit(f"/sessions/{slug}/register", follow=False)
            return page.status, page.headers.get("Location", "")

        return press

    return [person(number) for number in range(count)]


def statuses(outcomes: list[Outcome]) -> list[int]:
    return sorted(status for status, _ in values(outcomes))


def test_form_sells_the_last_place_once_and_tells_the_others(app: Flask, stripe_simulator: Any) -> None:
    for _ in range(3):
        session = make_club_session(capacity=1)
        before = len(stripe_simulator.control.sessions())
        outcomes = race(app, browsers(app, session.slug, BROWSERS))
        assert statuses(outcomes) == [303] + [409] * (BROWSERS - 1)
        [address] = [address for status, address in values(outcomes) if status == 303]
        assert address == stripe_simulator.checkout()["url"]
        assert len(stripe_simulator.control.sessions()) == before + 1
        assert sold(session.slug) == 1
    all_is_well()


def test_form_oversells_when_the_guard_is_off(app: Flask) -> None:
    session = make_free_club_session(capacity=1)
    people = browsers(app, session.slug, 2)
    with guards.unguarded_places(Meeting(2).wait):
        outcomes = race(app, people)
    assert statuses(outcomes) == [303, 303]
    assert sold(session.slug) == 2
