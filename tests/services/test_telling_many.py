"""Many people are told of a change in batches: in few statements, once each, whatever crashes and whatever changes meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import ClubSession, OutgoingEmail, Registration, SessionChange
from app.rules.statuses import RegistrationStatus
from app.services import cancelling, changed_sessions, club_sessions, moving, winding_up
from app.services.club_session_fields import ClubSessionFields
from app.services.differences import Settlement, Settling
from tests.support.booking import at_once, begin, order_of
from tests.support.clock import FakeClock
from tests.support.factories import make_free_club_session
from tests.support.killing import Killed, killing
from tests.support.queries import recorded
from tests.support.rows import all_of, count_of, the

PIER, HARBOUR, HALL = "The pier", "The harbour", "The hall"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_sessions, "BATCH", 2)


@pytest.fixture
def walk(app: Flask) -> ClubSession:
    """Five people at the pier."""
    session = make_free_club_session(slug="walk", capacity=9, location=PIER)
    for number in range(5):
        book(session, f"p{number}")
    return session


def book(session: ClubSession, name: str) -> str:
    return begin(session, email=f"{name}@example.org", expected_price_cents=0)


def move_to(location: str, slug: str = "walk") -> None:
    row = the(ClubSession, slug=slug)
    fields = ClubSessionFields(**{name: getattr(row, name) for name in ClubSessionFields.__dataclass_fields__})
    club_sessions.edit(slug, replace(fields, location=location), "user:1")


def told() -> dict[str, list[tuple[str, str]]]:
    """For each person the changes they were told: from where to where."""
    found: dict[str, list[tuple[str, str]]] = {}
    for mail in all_of(OutgoingEmail, template="session_changed"):
        places = (mail.context["was"]["location"], mail.context["items"][0]["session"]["location"])
        found.setdefault(mail.to.partition("@")[0], []).append(places)
    return found


def everybody(change: tuple[str, str]) -> dict[str, list[tuple[str, str]]]:
    return {f"p{number}": [change] for number in range(5)}


def one_batch() -> None:
    """What a worker does before it is interrupted: one batch of the oldest change."""
    changed_sessions._tell_some(all_of(SessionChange, told_at=None)[0].id)


def test_edit_itself_tells_nobody_and_the_worker_everybody(walk: ClubSession) -> None:
    move_to(HARBOUR)
    assert told() == {}
    changed_sessions.run(str(the(SessionChange).id))
    assert told() == everybody((PIER, HARBOUR)) and the(SessionChange).told_at is not None
    assert changed_sessions.tell_due() == 0


def test_who_was_not_told_of_the_first_change_is_told_once_from_what_they_know(walk: ClubSession) -> None:
    move_to(HARBOUR)
    one_batch()
    assert sorted(told()) == ["p0", "p1"]
    book(walk, "late")
    move_to(HALL)
    while changed_sessions.tell_due():
        pass
    first, later = [(PIER, HARBOUR), (HARBOUR, HALL)], [(PIER, HALL)]
    assert told() == {"p0": first, "p1": first, "p2": later, "p3": later, "p4": later, "late": [(HARBOUR, HALL)]}


def test_changed_back_before_anybody_heard_tells_only_those_who_did(walk: ClubSession) -> None:
    move_to(HARBOUR)
    one_batch()
    move_to(PIER)
    while changed_sessions.tell_due():
        pass
    assert told() == {name: [(PIER, HARBOUR), (HARBOUR, PIER)] for name in ("p0", "p1")}


def test_who_left_or_was_moved_in_meanwhile_is_not_told_what_they_never_knew(walk: ClubSession, clock: FakeClock) -> None:
    other = make_free_club_session(slug="swim", location="The pool")
    moved = book(other, "swimmer")
    leaves = book(walk, "leaver")
    book(walk, "last")
    move_to(HARBOUR)
    clock.advance(minutes=1)
    cancelling.cancel_order(leaves)
    registration = registration_of(moved)
    settlement = Settlement(how=Settling.WAIVE, reason="asked", once="once-1", expected_cents=0)
    moving.move(registration.token, "walk", settlement, "user:1")
    while changed_sessions.tell_due():
        pass
    assert told() == {**everybody((PIER, HARBOUR)), "last": [(PIER, HARBOUR)]}
    assert registration_of(moved).status is RegistrationStatus.REGISTERED


@pytest.mark.parametrize("now", [HALL, PIER])
def test_who_was_moved_in_between_two_changes_is_told_the_second_from_what_they_know(
    walk: ClubSession, clock: FakeClock, now: str
) -> None:
    moved = book(make_free_club_session(slug="swim", location="The pool"), "swimmer")
    book(walk, "last")
    move_to(HARBOUR)
    clock.advance(minutes=1)
    settlement = Settlement(how=Settling.WAIVE, reason="asked", once="once-1", expected_cents=0)
    moving.move(registration_of(moved).token, "walk", settlement, "user:1")
    clock.advance(minutes=1)
    move_to(now)
    while changed_sessions.tell_due():
        pass
    others = {**everybody((PIER, HALL)), "last": [(PIER, HALL)]} if now == HALL else {}
    assert told() == {**others, "swimmer": [(HARBOUR, now)]}
    clock.advance(minutes=1)
    move_to(HARBOUR)
    while changed_sessions.tell_due():
        pass
    assert told()["swimmer"] == [(HARBOUR, now), (now, HARBOUR)]


def registration_of(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


@pytest.mark.parametrize("what", ["cancelled", "over"])
def test_who_is_told_that_it_is_cancelled_or_was_there_is_not_told_where_it_would_have_been(
    walk: ClubSession, clock: FakeClock, what: str
) -> None:
    move_to(HARBOUR)
    if what == "cancelled":
        winding_up.cancel_session("walk", "user:1", "Rain.")
    else:
        clock.set(the(ClubSession).ends_at + timedelta(minutes=1))
    while changed_sessions.tell_due():
        pass
    assert told() == {} and count_of(SessionChange, told_at=None) == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_commit_it_resumes_and_tells_nobody_twice(walk: ClubSession, after: bool) -> None:
    places = [PIER, HARBOUR]
    for nth in range(1, 20):
        was, now = places[(nth + 1) % 2], places[nth % 2]
        before = Counter(told_now())
        move_to(now)
        died = False
        with killing(nth, after=after):
            try:
                changed_sessions.tell_due()
                changed_sessions.tell_due()
                changed_sessions.tell_due()
            except Killed:
                died = True
        db.session.remove()
        while changed_sessions.tell_due():
            pass
        assert Counter(told_now()) - before == Counter({(f"p{n}", was, now): 1 for n in range(5)})
        if not died:
            break
    assert not died and nth > 3, "every commit of the telling was tried"


def told_now() -> list[tuple[str, str, str]]:
    return [(name, *places) for name, changes in told().items() for places in changes]


def test_two_workers_and_an_edit_at_once_tell_everybody_where_it_is(app: Flask, walk: ClubSession) -> None:
    move_to(HARBOUR)
    tell = changed_sessions.tell_due
    outcomes = at_once(app, tell, tell, lambda: move_to(HALL), tell)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    while changed_sessions.tell_due():
        pass
    assert {changes[-1][1] for changes in told().values()} == {HALL} and len(told()) == 5
    assert all(changes in ([(PIER, HALL)], [(PIER, HARBOUR), (HARBOUR, HALL)]) for changes in told().values())


def test_statements_do_not_grow_with_the_people(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_sessions, "BATCH", 100)
    session = make_free_club_session(slug="walk", capacity=99, location=PIER)

    def statements(of: Callable[[], object]) -> int:
        with recorded(db.engine) as seen:
            of()
        return len(seen)

    counted = []
    for people in (2, 30):
        for number in range(people):
            book(session, f"n{people}-{number}")
        edits = statements(partial(move_to, f"Place {people}"))
        counted.append((edits, statements(changed_sessions.tell_due)))
    assert counted[0] == counted[1] and counted[1][1] <= 12, counted
    assert len(told()) == 32


def test_a_change_that_cannot_be_told_does_not_stop_the_next(walk: ClubSession, monkeypatch: pytest.MonkeyPatch) -> None:
    book(make_free_club_session(slug="swim", location="The pool"), "swimmer")
    move_to(HARBOUR)
    move_to(HALL, "swim")
    owe = changed_sessions._owe

    def broken(session: Session, club_session: ClubSession, *rest: Any) -> None:
        if club_session.slug == "walk":
            raise RuntimeError("broken")
        owe(session, club_session, *rest)

    with monkeypatch.context() as breaking:
        breaking.setattr(changed_sessions, "_owe", broken)
        changed_sessions.tell_due()
    assert told() == {"swimmer": [("The pool", HALL)]}
    while changed_sessions.tell_due():
        pass
    assert told() == {"swimmer": [("The pool", HALL)], **everybody((PIER, HARBOUR))}
