"""The last place, raced by processes with engines of their own, as gunicorn's workers are: sold exactly once.

The twin has each process look before any of them writes, and oversells.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from flask import Flask

from app.extensions import db
from app.models import ClubSession, Registration
from tests.concurrency import guards
from tests.concurrency.racing import all_is_well
from tests.support.database import ROOT
from tests.support.factories import make_free_club_session
from tests.support.rows import all_of, the

PROCESSES = 4
ROUNDS = 25


class Buyer:
    """The far end of one process."""

    def __init__(self, url: str, name: str) -> None:
        command = [sys.executable, "-m", "tests.concurrency.buyer", url, name]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"a buyer has died with {self.process.wait(10)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        self.process.communicate(timeout=30)


@contextmanager
def buyers(url: str, count: int) -> Iterator[list[Buyer]]:
    with ExitStack() as stack:
        made = [Buyer(url, f"process{number}") for number in range(count)]
        for buyer in made:
            stack.callback(buyer.end)
        assert [buyer.hear() for buyer in made] == [{"ready": True}] * count
        yield made


@pytest.fixture
def competing(app: Flask, database_url: str) -> Iterator[list[Buyer]]:
    with buyers(database_url, PROCESSES) as made:
        yield made


def test_last_place_is_sold_to_one_of_several_processes(competing: list[Buyer]) -> None:
    for number in range(ROUNDS):
        capacity = 1 + number % 3
        session = make_free_club_session(capacity=capacity)
        for buyer in competing:
            buyer.tell({"slug": session.slug, "places": 1})
        answers = [buyer.hear() for buyer in competing]
        assert answers.count({"outcome": "registered"}) == capacity, answers
        assert answers.count({"refusal": "SessionFull"}) == PROCESSES - capacity, answers
        assert the(ClubSession, id=session.id).places_taken == len(all_of(Registration, club_session_id=session.id)) == capacity
    all_is_well()
    oversold_without_the_guard(competing)


def oversold_without_the_guard(competing: list[Buyer]) -> None:
    """The twin, in the same processes (they are dear to start): all have looked before one of them writes."""
    with ExitStack() as off:
        if db.engine.dialect.name == "postgresql":
            off.enter_context(guards.without_check())
        session = make_free_club_session(capacity=1)
        for buyer in competing:
            buyer.tell({"slug": session.slug, "places": 1, "guard": False})
        assert [buyer.hear() for buyer in competing] == [{"looked": True}] * PROCESSES
        for buyer in competing:
            buyer.tell({"write": True})
        assert [buyer.hear() for buyer in competing] == [{"outcome": "registered"}] * PROCESSES
    assert the(ClubSession, id=session.id).places_taken == PROCESSES
