"""Runs things at the same moment in threads, each as a request of its own would be, and says what came of each.

Called by the tests of races. A `Meeting` forces the interleaving that a twin needs, so that no test hopes for timing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.rules.refusals import Refusal
from app.services import health_check, registrations
from app.services.registrations import Applicant, Entered
from app.writing_turns import Line, Turn

LONGEST = 60.0
"""Seconds after which a race that hangs fails by name; no outcome depends on it."""


@dataclass(frozen=True)
class Outcome:
    """What one of the racers got: a value, or the exception that it met."""

    value: Any = None
    error: Exception | None = None

    @property
    def refusal(self) -> Refusal | None:
        return self.error if isinstance(self.error, Refusal) else None


class Meeting:
    """Between looking and acting everybody waits here for the others. A racer that comes again (a retry) passes."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties)
        self._been: set[int] = set()

    def wait(self) -> None:
        if threading.get_ident() not in self._been:
            self._been.add(threading.get_ident())
            self._barrier.wait(LONGEST)


def race(app: Flask, works: Iterable[Callable[[], Any]]) -> list[Outcome]:
    """Start all at one moment; returns what each came to, in their order. Nobody takes turns, as if they were processes."""
    works = list(works)
    outcomes: list[Outcome | None] = [None] * len(works)
    start = threading.Barrier(len(works))

    def run(index: int, work: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait(LONGEST)
            try:
                outcomes[index] = Outcome(work())
            except Exception as error:
                outcomes[index] = Outcome(error=error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    with patch.object(Line, "take", lambda _line: Turn()):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST)
    if None in outcomes:
        raise AssertionError(f"{outcomes.count(None)} of {len(works)} racers still wait for each other: a deadlock")
    return [outcome for outcome in outcomes if outcome is not None]


def values(outcomes: list[Outcome]) -> list[Any]:
    """What the winners got; fails when a racer met anything but a Refusal."""
    unexpected = [outcome.error for outcome in outcomes if outcome.error is not None and outcome.refusal is None]
    if unexpected:
        raise AssertionError(f"{len(unexpected)} racers met an error, the first: {unexpected[0]!r}") from unexpected[0]
    return [outcome.value for outcome in outcomes if outcome.error is None]


def refusals(outcomes: list[Outcome]) -> Counter[str]:
    """How often each Refusal was met, by its name."""
    return Counter(type(outcome.refusal).__name__ for outcome in outcomes if outcome.refusal is not None)


def applicant(slug: str, number: int, **changes: Any) -> Applicant:
    """One more person, by an address and with a form of their own; the session is free unless a price is given."""
    values: dict[str, Any] = {
        "name": f"Buyer {number}",
        "email": f"buyer{number}@example.org",
        "places": 1,
        "expected_price_cents": 0,
        "attempt": f"attempt-{slug}-{number}",
        **changes,
    }
    return Applicant(**values)


def buy(slug: str, number: int, **changes: Any) -> Callable[[], Entered]:
    """That person asking for a place."""
    return lambda: registrations.register(slug, applicant(slug, number, **changes))


def all_is_well() -> None:
    """Counters equal rows, and no money is kept twice or given back twice."""
    findings = health_check.findings()
    if findings:
        raise AssertionError(f"flask doctor would say: {findings}")


def wait_until_somebody_waits() -> None:
    """Until the database itself says that a transaction waits for another's lock."""
    deadline = time.monotonic() + 20
    with db.engine.connect() as connection:
        while time.monotonic() < deadline:
            waiting = text("SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database OR database IS NULL"
                           " WHERE NOT granted AND datname = current_database()")  # fmt: skip
            if connection.execute(waiting).scalar_one():
                return
            connection.rollback()
    raise AssertionError("nobody waits")
