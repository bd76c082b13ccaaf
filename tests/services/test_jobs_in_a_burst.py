"""Many jobs of one kind in one moment are one: the scan behind it does the rest, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app import jobs
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.jobs import own_registry, queued
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def registry(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    own_registry(monkeypatch)


Sweeping = tuple[set[str], list[str], list[str]]


def enqueue_one(job: str, key: str) -> None:
    with transaction() as db:
        jobs.enqueue(db, job, key)


@pytest.fixture
def sweeping(app: Flask) -> Sweeping:
    """Keys of work that is owed and of work that was done, by its job or by the scan that follows it; and each round of that."""
    owed: set[str] = set()
    done: list[str] = []
    rounds: list[str] = []

    def do(key: str) -> None:
        if key in owed:
            owed.discard(key)
            done.append(key)

    def sweep() -> int:
        rounds.append("sweep")
        return len([do(key) for key in sorted(owed)])

    jobs.register_job("swept", do, followed_by="sweep")
    jobs.register_scan("sweep", sweep)
    return owed, done, rounds


def test_a_burst_is_one_job_and_its_scan_does_the_rest_at_once(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweeping: Sweeping
) -> None:
    monkeypatch.setattr(app, "instance_path", str(tmp_path))
    owed, done, rounds = sweeping
    worker = jobs.Worker(app, scan_seconds=3600)
    worker.start()
    try:
        wait_until(lambda: "sweep" in rounds)  # it has found nothing, and would look again in an hour
        for key in "abcdef":  # all in one moment of the test's clock
            owed.add(key)
            enqueue_one("swept", key)
        wait_until(lambda: not owed)
        seen = len(rounds)
        wait_until(lambda: len(rounds) > seen)
        owed.add("late")  # its transaction began in the burst and has ended only now
        wait_until(lambda: not owed)
    finally:
        worker.stop()
    assert sorted(done) == ["a", "b", "c", "d", "e", "f", "late"]
    assert queued(app) == ["swept:a SUCCESS"]


def test_a_job_that_was_rolled_back_stands_in_for_none(app: Flask, sweeping: Sweeping) -> None:
    with pytest.raises(RuntimeError, match="changed my mind"), transaction() as db:
        jobs.enqueue(db, "swept", "never")
        raise RuntimeError("changed my mind")
    enqueue_one("swept", "first")
    enqueue_one("swept", "second")
    assert queued(app) == ["swept:first ENQUEUED"]


def test_after_a_burst_there_is_a_job_again_and_other_work_has_always_its_own(
    app: Flask, clock: FakeClock, sweeping: Sweeping
) -> None:
    for key in ("first", "with it"):
        enqueue_one("swept", key)
        enqueue_one("note", key)
    clock.advance(seconds=1)
    enqueue_one("swept", "next")
    expected = ["note:first", "note:with it", "swept:first", "swept:next"]
    assert sorted(queued(app)) == [f"{job} ENQUEUED" for job in expected]
