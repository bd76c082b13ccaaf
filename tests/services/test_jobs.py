"""The background: what is enqueued with a commit runs promptly and once, what is rolled back never, and nothing is lost.

On SQLite and PostgreSQL. One test kills a real worker process.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock as app_clock
from app import jobs
from app.extensions import db as flask_db
from app.models import AuditEntry
from app.services import audit
from app.transaction import transaction
from tests.support.jobs import own_registry, queued
from tests.support.rows import count_of
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
JOBS = 100


@pytest.fixture(autouse=True)
def registry(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    own_registry(monkeypatch)


@pytest.fixture
def real_clock(app: Flask) -> Iterator[None]:
    """dbos stamps its rows with the system's time."""
    with app_clock.reading(lambda: datetime.now(UTC)):
        yield


@pytest.fixture
def ran() -> list[str]:
    """Keys of the jobs that ran, in order."""
    keys: list[str] = []
    jobs.register_job("note", keys.append)
    return keys


@pytest.fixture
def background(app: Flask, real_clock: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[jobs.Worker]:
    monkeypatch.setattr(app, "instance_path", str(tmp_path))
    made = jobs.Worker(app, scan_seconds=0.2)
    yield made
    if jobs.Worker.running is made:
        made.stop()


def test_a_committed_job_runs_once(background: jobs.Worker, ran: list[str]) -> None:
    background.start()
    with transaction() as db:
        jobs.enqueue(db, "note", "warm-up")
    wait_until(lambda: ran)
    for number in range(5):
        with transaction() as db:
            jobs.enqueue(db, "note", str(number))
        wait_until(lambda: str(number) in ran)  # noqa: B023 - called at once
    time.sleep(1)
    assert ran == ["warm-up", "0", "1", "2", "3", "4"]


def test_a_rolled_back_job_never_runs(app: Flask, background: jobs.Worker, ran: list[str]) -> None:
    background.start()
    with pytest.raises(RuntimeError, match="changed my mind"), transaction() as db:
        jobs.enqueue(db, "note", "never")
        raise RuntimeError("changed my mind")
    with transaction() as db:
        jobs.enqueue(db, "note", "after")
    wait_until(lambda: ran)
    assert ran == ["after"]
    assert [line.split()[0] for line in queued(app)] == ["note:after"]


def test_the_same_job_enqueued_again_is_the_same_work(app: Flask, background: jobs.Worker, ran: list[str]) -> None:
    for _ in range(3):
        with transaction() as db:
            jobs.enqueue(db, "note", "one")
            jobs.enqueue(db, "note", "one")
    background.start()
    wait_until(lambda: ran)
    with transaction() as db:
        jobs.enqueue(db, "note", "one")
    time.sleep(1)
    assert ran == ["one"]


def test_a_failing_job_does_not_stop_the_rest_and_its_log_names_no_person(
    background: jobs.Worker, ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(key: str) -> None:
        raise ValueError("cannot send to aroha@example.org")

    jobs.register_job("fail", fail)
    background.start()
    with caplog.at_level(logging.DEBUG):
        with transaction() as db:
            jobs.enqueue(db, "fail", "7")
            jobs.enqueue(db, "unheard-of", "8")
            jobs.enqueue(db, "note", "9")
        wait_until(lambda: ran)
        wait_until(lambda: "job fail 7 failed: ValueError" in caplog.text)
    assert "aroha" not in caplog.text


def test_scans_run_again_and_again_and_none_holds_up_another(background: jobs.Worker) -> None:
    seen: list[str] = []
    stuck = threading.Event()

    def poison() -> int:
        raise RuntimeError("poison")

    jobs.register_scan("stuck", lambda: int(stuck.wait(20)))
    jobs.register_scan("poison", poison)
    jobs.register_scan("good", lambda: seen.append("x") or 0)
    background.start()
    wait_until(lambda: len(seen) >= 3)
    assert len(seen) >= 3 and not stuck.is_set(), "one scan is stuck and another fails, and the third goes on"
    stuck.set()


def test_one_round_of_everything_due_goes_on_until_nothing_is(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    left = {"first": 3, "second": 1}
    order: list[str] = []

    def scan(name: str) -> int:
        order.append(name)
        return int(order.count(name) <= left[name])

    def poison() -> int:
        raise RuntimeError("person@example.org")

    jobs.register_scan("first", lambda: scan("first"))
    jobs.register_scan("poison", poison)
    jobs.register_scan("second", lambda: scan("second"))
    done = jobs.run_due()
    assert done == {"first": 3, "poison": 0, "second": 1} and done.failed == ["poison"]
    assert order == [*["first", "second"] * 3, "first"], "each is asked once more after anything was found"
    assert "scan poison failed: RuntimeError" in caplog.text and "person@example.org" not in caplog.text


def test_a_scan_that_never_ends_its_work_does_not_keep_the_command_for_ever(app: Flask) -> None:
    jobs.register_scan("endless", lambda: 1)
    assert jobs.run_due() == {"endless": jobs.ROUNDS}


def test_without_the_engines_tables_work_is_left_to_the_scans(app: Flask) -> None:
    schema = "dbos." if flask_db.engine.dialect.name == "postgresql" else ""
    with transaction() as db:
        db.execute(sa.text(f"DROP TABLE {schema}workflow_status" + (" CASCADE" if schema else "")))
    with transaction() as db:
        jobs.enqueue(db, "note", "1")
        audit.record(db, audit.COMMAND, "went_on", "test", 1)
    assert count_of(AuditEntry, action="went_on") == 1


def test_jobs_left_by_a_dead_worker_are_taken_back_and_old_ones_forgotten(
    app: Flask, background: jobs.Worker, ran: list[str]
) -> None:
    with transaction() as db:
        for key in ("left", "poison", "old"):
            jobs.enqueue(db, "note", key)
        schema = "dbos" if db.get_bind().dialect.name == "postgresql" else None
        columns = ("workflow_uuid", "status", "executor_id", "started_at_epoch_ms", "created_at")
        table = sa.table("workflow_status", *(sa.column(name) for name in columns), schema=schema)
        ago = int(time.time() * 1000) - 6 * 60_000
        for key, age in (("left", 0), ("poison", 2 * 3600_000), ("old", 25 * 3600_000)):
            values = {"status": "PENDING", "executor_id": "gone-0", "started_at_epoch_ms": ago, "created_at": ago - age}
            db.execute(sa.update(table).where(table.c.workflow_uuid == f"note:{key}").values(values))
    background.start()
    wait_until(lambda: ran)
    wait_until(lambda: sorted(queued(app)) == ["note:left SUCCESS", "note:poison CANCELLED"])
    assert ran == ["left"]


def test_where_no_worker_runs_the_command_forgets_old_jobs(app: Flask, real_clock: None) -> None:
    with transaction() as db:
        jobs.enqueue(db, "note", "1")
    jobs.run_due()
    assert queued(app) == ["note:1 ENQUEUED"]
    with app_clock.reading(lambda: datetime.now(UTC) + jobs.KEEP):
        jobs.run_due()
    assert queued(app) == []


def test_a_process_has_one_worker(app: Flask, background: jobs.Worker, ran: list[str]) -> None:
    background.start()
    with pytest.raises(RuntimeError, match="already"):
        jobs.Worker(app).start()
    background.stop()
    with transaction() as db:
        jobs.enqueue(db, "note", "later")
    again = jobs.Worker(app)
    again.start()
    wait_until(lambda: ran == ["later"])
    again.stop()


def test_waiting_ends_when_the_worker_is_stopped(background: jobs.Worker) -> None:
    background.start()
    threading.Timer(0.2, background.stop).start()
    background.wait()
    wait_until(lambda: jobs.Worker.running is None, 30)
    assert jobs.Worker.running is None


CHILD = """
import os, sys, time
from app import create_app, jobs
from app.services import audit
from app.transaction import transaction
from tests.support.settings import safe_settings

app = create_app(safe_settings(sys.argv[1]))
app.instance_path = sys.argv[2]

def slow(key):
    print("began", key, flush=True)
    time.sleep(float(sys.argv[3]))
    with transaction() as db:
        audit.record(db, "worker", "done", "test", int(key))

jobs.register_job("slow", slow)
worker = jobs.Worker(app)
worker.start()
worker.wait()
"""


def start_child(app: Flask, instance: Path, seconds_a_job: float) -> subprocess.Popen[str]:
    url = app.extensions["muster_settings"].database_url
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", CHILD, url, str(instance), str(seconds_a_job)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_killing_a_worker_loses_no_job(app: Flask, real_clock: None, tmp_path: Path) -> None:
    """kill -9 while jobs run; the next worker of the same machine has the same name and takes them back."""
    with transaction() as db:
        for key in range(12):
            jobs.enqueue(db, "slow", str(key))
    first = start_child(app, tmp_path, 30)
    assert first.stdout is not None and first.stdout.readline().startswith("began")
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    first.stdout.close()
    assert count_of(AuditEntry, action="done") == 0
    second = start_child(app, tmp_path, 0.01)
    try:
        wait_until(lambda: count_of(AuditEntry, action="done") >= 12, 40)
    finally:
        second.kill()
        second.wait(10)
        if second.stdout is not None:
            second.stdout.close()


def test_two_workers_share_the_work_and_writers_are_not_disturbed(app: Flask, real_clock: None, tmp_path: Path) -> None:
    """Jobs done by two processes while this one goes on writing: each job once, and no write fails."""
    workers = [start_child(app, tmp_path, 0) for _ in range(2)]
    try:
        for key in range(JOBS):
            with transaction() as db:
                jobs.enqueue(db, "slow", str(key))
                audit.record(db, audit.GUEST, "wrote", "test", key)
        wait_until(lambda: count_of(AuditEntry, action="done") == JOBS, 60)
        time.sleep(1)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(10)
            if worker.stdout is not None:
                worker.stdout.close()
    done = [row for (row,) in flask_db.session.execute(sa.select(AuditEntry.subject_id).where(AuditEntry.action == "done"))]
    assert sorted(done) == list(range(JOBS))
    assert count_of(AuditEntry, action="wrote") == JOBS
