"""Places taken, given back and re-counted at the same moment: the counters equal the rows, whoever comes first."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import ClubSession, Registration
from app.rules.statuses import TAKEN, WAITING
from app.services import cancelling, health_check, places, registrations
from app.transaction import retried, transaction
from tests.concurrency import guards
from tests.concurrency.racing import Meeting, all_is_well, applicant, buy, race, refusals, values
from tests.support.factories import make_free_club_session
from tests.support.rows import all_of, the

ROUNDS = 5


@retried
def set_capacity(club_session_id: int, capacity: int) -> None:
    """What the desk's form does to the counters."""
    with transaction() as db:
        places.set_capacity(db, club_session_id, capacity)


def booked(slug: str, count: int, first: int = 100) -> list[str]:
    """So many free bookings; returns the tokens of their orders."""
    return [registrations.register(slug, applicant(slug, first + n)).order_token for n in range(count)]


def cancel(token: str) -> Callable[[], int]:
    return lambda: cancelling.cancel_order(token)


def counted(club_session_id: int) -> tuple[int, int]:
    """Places taken and waiting by the rows."""
    rows = all_of(Registration, club_session_id=club_session_id)
    return sum(r.places for r in rows if r.status in TAKEN), sum(r.places for r in rows if r.status in WAITING)


def test_registering_and_cancelling_at_once_keep_the_count(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=6)
        leaving = booked(session.slug, 6)
        outcomes = race(app, [*map(cancel, leaving), *(buy(session.slug, n) for n in range(10))])
        values(outcomes)
        assert [outcome.error for outcome in outcomes[:6]] == [None] * 6, "everybody could cancel"
        row = the(ClubSession, id=session.id)
        assert (row.places_taken, row.waitlist_taken) == counted(session.id)
        assert row.places_taken == sum(outcome.error is None for outcome in outcomes[6:]) <= 6
    all_is_well()


def test_cancelling_twice_at_once_gives_one_place_back(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=3)
        token, *_others = booked(session.slug, 3)
        outcomes = race(app, [cancel(token)] * 4)
        assert len(values(outcomes)) == 1
        assert refusals(outcomes) == {"OrderNotOpen": 3}
        assert the(ClubSession, id=session.id).places_taken == 2
    all_is_well()


def test_place_that_comes_free_goes_to_the_first_who_waits_and_to_nobody_past_them(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=2, waitlist_capacity=20)
        leaving = booked(session.slug, 2)
        waiting = [buy(session.slug, n, accept_waitlist=True)() for n in range(3)]
        outcomes = race(app, [*map(cancel, leaving), *(buy(session.slug, 10 + n, accept_waitlist=True) for n in range(6))])
        values(outcomes)
        orders = [the(Registration, email=f"buyer{n}@example.org", club_session_id=session.id).status for n in range(3)]
        assert orders == ["offered", "offered", "waitlisted"], waiting
        row = the(ClubSession, id=session.id)
        assert (row.places_taken, row.waitlist_taken) == counted(session.id) == (2, 7)
    all_is_well()


def test_lowering_the_capacity_while_people_register_evicts_and_oversells_nobody(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=12)
        booked(session.slug, 4)
        numbers = [5, 2]
        changes = [lambda to=to, id=session.id: set_capacity(id, to) for to in numbers]
        outcomes = race(app, [*(buy(session.slug, n) for n in range(14)), *changes])
        sold = 4 + len(values(outcomes)) - len(changes)
        row = the(ClubSession, id=session.id)
        assert row.capacity in numbers
        assert row.places_taken == counted(session.id)[0] == sold <= 12
        assert row.overbooked == max(0, sold - row.capacity), "what no longer fits is a visible number"
    all_is_well()


def test_capacity_lowered_by_looking_first_is_oversold_unseen(app: Flask) -> None:
    """The twin: the number that no longer fits is worked out from what was read, while somebody registers."""
    session = make_free_club_session(capacity=2)
    meeting = Meeting(2)

    def look_then_set(db: Session, club_session_id: int, capacity: int) -> None:
        taken = db.execute(select(ClubSession.places_taken).where(ClubSession.id == club_session_id)).scalar_one()
        meeting.wait()
        over = update(ClubSession).where(ClubSession.id == club_session_id)
        db.execute(over.values(capacity=capacity, overbooked=max(0, taken - capacity)))

    with guards.unguarded_places(meeting.wait), patch.object(places, "set_capacity", look_then_set):
        values(race(app, [buy(session.slug, 1), lambda: set_capacity(session.id, 0)]))
    row = the(ClubSession, id=session.id)
    assert (row.capacity, row.places_taken, row.overbooked) == (0, 1, 0)


def test_count_is_lost_when_it_is_written_from_what_was_read(app: Flask) -> None:
    """The twin of equal counters: two cancel at once, each writes what it read less its own, and one place is never free."""
    session = make_free_club_session(capacity=2)
    leaving = booked(session.slug, 2)
    meeting = Meeting(2)

    def look_then_release(db: Session, club_session_id: int, given: int) -> None:
        less = update(ClubSession).where(ClubSession.id == club_session_id)
        db.execute(less.values(places_taken=2 - given))

    def both_have_looked(token: str) -> int:
        assert the(ClubSession, id=session.id).places_taken == 2
        meeting.wait()
        return cancelling.cancel_order(token)

    with patch.object(places, "release", look_then_release):
        values(race(app, [lambda token=token: both_have_looked(token) for token in leaving]))
    assert the(ClubSession, id=session.id).places_taken == 1
    assert counted(session.id) == (0, 0)
    assert len(health_check.findings()) == 1, "the doctor sees it"
