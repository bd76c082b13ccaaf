"""Several people making and changing club sessions at the same moment, each in a thread of their own, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Barrier, Event, Thread
from time import sleep

from flask import Flask
from sqlalchemy import update

from app.models import AuditEntry, ClubSession
from app.queries import desk_sessions
from app.services import club_sessions
from app.services.club_sessions import ChangedMeanwhile, SlugTaken
from app.transaction import transaction
from tests.services.test_club_sessions import ACTOR, as_it_is, wanted
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the


def test_two_people_who_want_one_slug_at_once_get_one_session(app: Flask, clock: FakeClock) -> None:
    outcomes = at_once(app, lambda _: club_sessions.create(wanted(clock, slug="badminton"), ACTOR))
    assert sorted(map(str, map(type, outcomes))) == sorted([str(str), *[str(SlugTaken)] * 5])
    assert count_of(ClubSession) == 1


def test_two_people_without_a_slug_at_once_get_two_sessions(app: Flask, clock: FakeClock) -> None:
    outcomes = at_once(app, lambda _: club_sessions.create(wanted(clock), ACTOR))
    assert len(set(outcomes)) == 6 and all(isinstance(outcome, str) for outcome in outcomes)
    assert count_of(ClubSession) == 6


def test_of_two_edits_that_take_one_slug_at_once_the_later_is_refused(app: Flask, clock: FakeClock) -> None:
    """The first has written and not committed when the second looks: on PostgreSQL only the unique index can tell it."""
    tennis, chess = make_club_session(slug="tennis"), as_it_is(make_club_session(slug="chess").slug, slug="badminton")
    written, outcomes = Event(), []

    def first() -> None:
        with app.app_context(), transaction() as db:
            db.execute(update(ClubSession).where(ClubSession.id == tennis.id).values(slug="badminton"))
            written.set()
            sleep(0.5)

    def second() -> None:
        written.wait(10)
        with app.app_context():
            try:
                outcomes.append(club_sessions.edit("chess", chess, ACTOR))
            except SlugTaken as refusal:
                outcomes.append(refusal.field)

    together([first, second])
    assert outcomes == ["slug"]
    assert {row.slug for row in all_of(ClubSession)} == {"badminton", "chess"}


def test_of_two_edits_of_one_page_at_once_one_wins_and_one_is_told(app: Flask, clock: FakeClock) -> None:
    make_club_session(slug="badminton")
    seen = desk_sessions.record("badminton").fingerprint  # type: ignore[union-attr]
    wishes = [as_it_is("badminton", title=f"Title {n}") for n in range(6)]
    outcomes = at_once(app, lambda n: club_sessions.edit("badminton", wishes[n], ACTOR, seen=seen))
    assert sum(isinstance(o, ChangedMeanwhile) for o in outcomes) == 5
    assert outcomes[int(the(ClubSession).title[-1])] == "badminton"
    assert count_of(AuditEntry, action="session_edited") == 1


def at_once(app: Flask, act: Callable[[int], str], threads: int = 6) -> list[object]:
    """What each of several threads got from ``act`` (its result or what it raised) when all begin together."""
    outcomes: list[object] = [None] * threads
    barrier = Barrier(threads)

    def run(number: int) -> None:
        with app.app_context():
            barrier.wait()
            try:
                outcomes[number] = act(number)
            except Exception as error:  # the test looks at what it was
                outcomes[number] = error

    together([partial(run, number) for number in range(threads)])
    return outcomes


def together(acts: Sequence[Callable[[], None]]) -> None:
    running = [Thread(target=act) for act in acts]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
