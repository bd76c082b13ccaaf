"""Many ask for the same at once: one reads for all of them, and nobody is told what was so before they asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.queries import alone, club_sessions, raw_rows
from app.queries.shared_reading import SharedReading
from app.services import places
from app.transaction import transaction
from tests.concurrency.racing import race, values
from tests.support.factories import make_free_club_session
from tests.support.waiting import wait_until

PATIENCE = 30


class Source:
    """Something to read that changes, and whose readers can be held up."""

    def __init__(self) -> None:
        self.value, self.reads = 0, 0
        self.at_it, self.may_go = threading.Semaphore(0), threading.Semaphore(0)

    def read(self) -> int:
        self.reads += 1
        found = self.value
        self.at_it.release()
        assert self.may_go.acquire(timeout=PATIENCE)
        return found


def together(reading: SharedReading[int], source: Source, people: int, answers: list[Any]) -> list[threading.Thread]:
    """So many more who ask now; returns once each has found its place."""

    def ask() -> None:
        try:
            answers.append(reading.get("it", source.read))
        except ValueError as error:
            answers.append(error)

    threads = [threading.Thread(target=ask) for _ in range(people)]
    for thread in threads:
        thread.start()
    return threads


def joined(reading: SharedReading[int], people: int) -> Callable[[], bool]:
    def so() -> bool:
        line = reading._lines.get("it")
        return line is not None and line.next is not None and line.next.asked_by == people

    return so


def test_who_comes_while_a_read_is_under_way_shares_the_next() -> None:
    reading, source, early, late = SharedReading[int](), Source(), [], []
    threads = together(reading, source, 1, early)
    assert source.at_it.acquire(timeout=PATIENCE)
    source.value = 1  # the read that is under way has not seen this, and those who come now may know of it
    threads += together(reading, source, 5, late)
    wait_until(joined(reading, 5))
    source.may_go.release(2)
    for thread in threads:
        thread.join(PATIENCE)
    assert (early, late, source.reads) == ([0], [1] * 5, 2)
    assert reading._lines == {}, "nothing is kept: who asks later reads anew"


def test_whose_reader_fails_reads_alone() -> None:
    reading, source, early, late = SharedReading[int](), Source(), [], []
    threads = together(reading, source, 1, early)
    assert source.at_it.acquire(timeout=PATIENCE)
    ours, failed = source.read, []

    def read() -> int:
        if not failed:
            failed.append(True)
            raise ValueError("the server is gone")
        return ours()

    source.read = read  # type: ignore[method-assign]
    threads += together(reading, source, 3, late)
    wait_until(joined(reading, 3))
    source.may_go.release(3)
    for thread in threads:
        thread.join(PATIENCE)
    assert early == [0] and sorted(map(str, late)) == ["0", "0", "the server is gone"] and reading._lines == {}


def test_different_questions_do_not_wait_for_each_other() -> None:
    reading, source, answers = SharedReading[int](), Source(), []
    threads = together(reading, source, 1, answers)
    assert source.at_it.acquire(timeout=PATIENCE)
    assert reading.get("another", lambda: 7) == 7
    source.may_go.release()
    threads[0].join(PATIENCE)


def test_nobody_reads_less_than_they_know(app: Flask) -> None:
    """Each takes a place and then looks, as often as all others do: what they took is counted each time."""
    session = make_free_club_session(capacity=1000)

    def take_and_look() -> bool:
        for _ in range(10):
            with transaction() as db:
                assert places.take(db, session.id, 1)
                mine = db.get_one(type(session), session.id, populate_existing=True).places_taken
            [facts] = club_sessions.page_facts(session.slug)
            seen = club_sessions.page_of((facts,), session.starts_at)
            if seen is None or seen.counters.places_taken < mine:
                return False
        return True

    assert values(race(app, [take_and_look] * 8)) == [True] * 8


def test_pages_of_one_session_share_what_they_read(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    session, reads, rows = make_free_club_session(), [], alone.rows

    def read(*asked: Any) -> Any:
        reads.append(asked)
        if len(reads) == 1:
            wait_until(lambda: [line.next.asked_by for line in raw_rows._together._lines.values() if line.next] == [7])
        return rows(*asked)

    monkeypatch.setattr(alone, "rows", read)
    facts = values(race(app, [lambda: club_sessions.page_facts(session.slug)] * 8))
    assert len(reads) == 2 and len(set(facts)) == 1
