"""Work that happens later, done promptly by dbos; the truth stays in our own rows, so a lost queue loses nothing.

Services call ``enqueue`` inside the transaction that causes the work; the worker process (or the demo) runs ``Worker``.
Nothing else knows dbos. Each job has a scan that finds the same work by its rows: a job is only the prompt way there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, run_dbos_database_migrations
from flask import Flask, current_app
from sqlalchemy.orm import Session

from . import clock
from .config import Settings
from .logs import describe
from .scan_loops import ScanLoops
from .scan_results import Done
from .transaction import after_commit, connection_of
from .worker_slots import Slot

APP = "muster"
QUEUE = "muster"
WORKFLOW = "muster_job"
VERSION = "1"
"""Constant, so that a worker of a new release goes on with the jobs of the old one: they hold a name and a key, nothing else."""
CONCURRENCY = 4
POLL_SECONDS = 0.25
SCAN_SECONDS = 10.0
BURST = timedelta(milliseconds=250)
"""Of jobs that their scan follows, a process enqueues no more than one in this time: `worker --once` and scans need none, and
three hundred people who book in two seconds are three hundred rows less in the database, and their work."""
RESCUE_SECONDS = 60.0
TIDY_SECONDS = 600.0
RESCUE_AFTER = timedelta(minutes=5)
"""No job takes this long: what is still marked as running belongs to a worker that died."""
RESCUE_UNTIL = timedelta(hours=1)
"""A job that kills its workers is given up after this; its scan still has it."""
KEEP = timedelta(days=1)
ROUNDS = 100
"""`worker --once` stops after this many rounds even if a scan claims to find work for ever."""
LOOK_AGAIN = timedelta(minutes=1)

log = logging.getLogger(__name__)
_jobs: dict[str, Callable[[str], object]] = {}
_scans: dict[str, Callable[[], int]] = {}
_followed_by: dict[str, str] = {}


def register_job(name: str, function: Callable[[str], object], *, followed_by: str | None = None) -> None:
    """Let ``enqueue(db, name, key)`` call ``function(key)`` later. It must be safe to repeat and to run twice at once.

    ``followed_by``: the scan that does the same work by its rows. It looks as soon as the job has run and often for a while, so
    of many such jobs in one moment one is enough.
    """
    _register(_jobs, name, function)
    if followed_by is not None:
        _followed_by[name] = followed_by


def register_scan(name: str, function: Callable[[], int]) -> None:
    """Have ``function`` find and do what is due, again and again; it returns how much that was. Order of registration counts."""
    _register(_scans, name, function)


def _register(registry: dict[str, Any], name: str, function: Callable[..., Any]) -> None:
    if registry.setdefault(name, function) is not function:
        raise ValueError(f"{name!r} is registered already")


@dataclass(slots=True)
class _Door:
    """This process's way to the queue: it writes on the caller's own connection, and tidies on one of the app's."""

    client: DBOSClient
    open: bool = False
    look_again_at: datetime | None = None
    committed: dict[str, datetime] = field(default_factory=dict)
    """When the last job of each name was enqueued by a transaction that has committed."""

    def committed_just_now(self, job: str) -> bool:
        """Whether that is so short ago that the scan behind it finds what is written now."""
        return job in _followed_by and (at := self.committed.get(job)) is not None and abs(clock.now() - at) < BURST


def enqueue(db: Session, job: str, key: str) -> None:
    """Have a worker run the job once this transaction has committed; nothing happens if it rolls back.

    The same job and key is the same work: repeats are harmless. ``key`` names a row, never a person. Where the engine's
    tables are missing nothing is written: the scan does the work. So it does in a burst of what a scan follows.
    """
    door = _door()
    if door.committed_just_now(job) or not _opened(door, partial(connection_of, db)):
        return
    after_commit(db, partial(door.committed.__setitem__, job, clock.now()))
    door.client.enqueue_in_transaction(
        connection_of(db),
        {"workflow_name": WORKFLOW, "queue_name": QUEUE, "workflow_id": f"{job}:{key}", "app_version": VERSION},
        job,
        key,
    )


def _door() -> _Door:
    door = current_app.extensions.get("muster_jobs")
    if not isinstance(door, _Door):
        engine = current_app.extensions["sqlalchemy"].engine
        alone = engine.execution_options(isolation_level="AUTOCOMMIT")  # to look takes one message and no transaction
        client = DBOSClient(system_database_engine=alone, application_name=APP, lazy=True)
        door = current_app.extensions["muster_jobs"] = _Door(client)
    return door


def _opened(door: _Door, asked: Callable[[], sa.Connection | sa.Engine]) -> bool:
    """Whether the engine's tables are there, asked once; while they are not, again every minute."""
    if door.open:
        return True
    now = clock.now()
    if door.look_again_at is None or now >= door.look_again_at:
        door.open, door.look_again_at = _has_tables(asked()), now + LOOK_AGAIN
    return door.open


def _has_tables(bind: sa.Connection | sa.Engine) -> bool:
    schema = "dbos" if bind.dialect.name == "postgresql" else None
    return sa.inspect(bind).has_table("workflow_status", schema=schema)


def migrate(settings: Settings) -> None:
    """Create or upgrade the job engine's own tables beside ours: in our SQLite file, or in the schema ``dbos``."""
    _quiet()
    run_dbos_database_migrations(settings.database_url)


def _quiet() -> None:
    """Keep the engine from talking to the terminal: warnings and worse go where the app's own log goes."""
    engine_log = logging.getLogger("dbos")
    if not engine_log.handlers:
        engine_log.addHandler(logging.NullHandler())
    engine_log.setLevel(logging.WARNING)


def run_due() -> Done:
    """Run every scan in its order until none finds anything; returns how much each did. One that fails does not stop the rest."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    done = Done(_scans)
    in_vain = 0
    for name, scan in chain.from_iterable(repeat(_scans.items(), ROUNDS)):
        in_vain = 0 if done.add(name, _run_scan(app, name, scan)) else in_vain + 1
        if in_vain == len(_scans):
            break
    done.add("tidy", _run_scan(app, "tidy", _tidy_for_once))
    return done


def _run_scan(app: Flask, name: str, scan: Callable[[], int]) -> int | None:
    """In a context, and so a database session, of its own: what one leaves behind is no other's trouble. None: it failed."""
    try:
        with app.app_context():
            return scan()
    except Exception as error:
        _log_failure(f"scan {name}", error)
        return None


def _run_job(job: str, key: str) -> None:
    """What dbos calls. A failure is logged and the job is over: the scan tries again when its row says so."""
    worker, function = Worker.running, _jobs.get(job)
    if worker is None or function is None:
        log.error("job %s is not known here", job)
        return
    try:
        with worker.app.app_context():
            function(key)
    except Exception as error:
        _log_failure(f"job {job} {key}", error)
    if job in _followed_by:
        worker.scans.look_soon(_followed_by[job])


_workflow = DBOS.workflow(name=WORKFLOW)(_run_job)


def _log_failure(what: str, error: Exception) -> None:
    """Name the error and the place but not its message."""
    log.error("%s failed: %s", what, describe(error))


class Worker:
    """The background of one process: jobs from the queue, and the scans."""

    running: Worker | None = None

    def __init__(self, app: Flask, *, scan_seconds: float = SCAN_SECONDS) -> None:
        self.app = app
        self._scan_seconds = scan_seconds
        self.scans = ScanLoops()
        self._slot: Slot | None = None
        self._client = _client(app)

    def start(self) -> None:
        """Begin; returns at once. Raises RuntimeError when this process has a worker already (dbos allows one)."""
        if Worker.running is not None:
            raise RuntimeError("a worker runs in this process already")
        _quiet()
        self._slot = Slot.take(Path(self.app.instance_path))
        Worker.running = self
        try:
            DBOS(config=self._config(self._slot.name))
            DBOS.launch()
            DBOS.register_queue(
                QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
            )
        except BaseException:
            self.stop()
            raise
        for name, scan in _scans.items():
            self._begin(name, scan, self._scan_seconds)
        self._begin("rescue", lambda: rescue(self._client), RESCUE_SECONDS)
        self._begin("tidy", lambda: tidy(self._client), TIDY_SECONDS)

    def stop(self, patience_seconds: int = 20) -> None:
        """End: no new work is begun, what runs may finish in ``patience_seconds``. What does not is done by the next worker."""
        self.scans.stop(patience_seconds)
        DBOS.destroy(workflow_completion_timeout_sec=patience_seconds)
        self._client.destroy()
        if self._slot is not None:
            self._slot.release()
        Worker.running = None

    def wait(self) -> None:
        """Block until ``stop`` is called (from a signal handler or another thread)."""
        self.scans.wait()

    def _begin(self, name: str, scan: Callable[[], int], every_seconds: float) -> None:
        self.scans.start(name, partial(_run_scan, self.app, name, scan), every_seconds)

    def _config(self, executor_id: str) -> DBOSConfig:
        settings: Settings = self.app.extensions["muster_settings"]
        return {
            "name": APP,
            "system_database_url": settings.database_url,
            "executor_id": executor_id,
            "application_version": VERSION,
            "log_level": "WARNING",
            "enable_otlp": False,
            "sys_db_pool_size": CONCURRENCY + 4,
        }


def rescue(client: DBOSClient) -> int:
    """Give the jobs of workers that died back to the queue; how many. A restarted worker takes back its own at once."""
    now = clock.now()
    stuck = client.list_workflows(
        name=WORKFLOW, status="PENDING", dequeued_before=(now - RESCUE_AFTER).isoformat(), limit=100, load_input=False
    )
    for workflow in stuck:
        born = datetime.fromtimestamp((workflow.created_at or 0) / 1000, tz=now.tzinfo)
        if now - born > RESCUE_UNTIL:
            client.cancel_workflow(workflow.workflow_id)
        else:
            client.resume_workflow(workflow.workflow_id, queue_name=QUEUE)
    return len(stuck)


def tidy(client: DBOSClient) -> int:
    """Forget jobs that are a day old, whatever became of them: the rows they were about say what is left to do. How many."""
    before = (clock.now() - KEEP).isoformat()
    old = client.list_workflows(name=WORKFLOW, end_time=before, limit=200, load_input=False, load_output=False)
    if old:
        client.delete_workflows([workflow.workflow_id for workflow in old])
    return len(old)


def _tidy_for_once() -> int:
    """Where only `worker --once` runs, nobody takes jobs from the queue: the scans do the work, and this forgets the jobs."""
    door = _door()
    return tidy(door.client) if _opened(door, lambda: current_app.extensions["sqlalchemy"].engine) else 0


def _client(app: Flask) -> DBOSClient:
    """A way to the queue with connections of its own, for a worker."""
    settings: Settings = app.extensions["muster_settings"]
    return DBOSClient(
        system_database_url=settings.database_url, application_name=APP, system_database_pool_size=2, lazy=True
    )
