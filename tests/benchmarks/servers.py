"""Starts what is measured: Muster, the bare site and the local Stripe, each as processes of its own, and ends what it started.

Called by the benchmarks. Only loopback, only processes started here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.processes.house import children_of, end, free_port
from tests.support.database import ROOT
from tests.support.settings import SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET

WORKERS, THREADS, CONNECTIONS = 2, 16, 128
"""As the README says to run it."""
LONGEST = 60.0
SETTLED = 1.0
"""Seconds after the first worker's first answer until all of them take their share of the connections."""


@dataclass(frozen=True)
class Server:
    """One gunicorn that answers at ``url``."""

    url: str
    pid: int
    cold_seconds: float
    """From the start of the process to its first answer."""

    def workers(self) -> list[int]:
        """The processes that answer."""
        return children_of(self.pid)

    def worker_memory(self) -> list[float]:
        """MB of memory that is each worker's own or shared in part (its proportional set size)."""
        return [_memory(child) for child in self.workers()]


def _memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def muster(database_url: str, directory: Path, *, stripe: str = "", workers: int = WORKERS) -> Iterator[Server]:
    """The site on this database, as the README says to run it."""
    port = free_port()
    environment = {
        "SECRET_KEY": SECRET_KEY, "SITE_URL": f"http://127.0.0.1:{port}", "DATABASE_URL": database_url, "TRUSTED_PROXIES": "1",
        "STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET, "MAIL_URL": f"file://{directory / 'mail'}",
        **({"STRIPE_API_BASE": stripe} if stripe else {}),
    }  # fmt: skip
    with gunicorn("wsgi:app", port, "/healthz", environment, directory, workers) as server:
        yield server


@contextmanager
def bare(database_url: str, directory: Path, *, workers: int = WORKERS) -> Iterator[Server]:
    """The floor on the same database."""
    environment = {"BARE_URL": database_url}
    with gunicorn("tests.benchmarks.bare:make()", free_port(), "/nothing", environment, directory, workers) as server:
        yield server


@contextmanager
def gunicorn(
    name: str, port: int, ready: str, environment: dict[str, str], directory: Path, workers: int
) -> Iterator[Server]:
    """One site under gunicorn's threads."""
    command = ["gunicorn", name, "--worker-class", "gthread", "--workers", str(workers), "--threads", str(THREADS),
               "--worker-connections", str(CONNECTIONS),
               "--bind", f"127.0.0.1:{port}", "--log-level", "error", "--backlog", "2048", "--preload"]  # fmt: skip
    began = time.perf_counter()
    with _process(command, environment, directory) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url + ready, directory)
        server = Server(url, process.pid, time.perf_counter() - began)
        time.sleep(SETTLED)
        yield server


@contextmanager
def simulator(directory: Path) -> Iterator[str]:
    """The local Stripe; the value is its address."""
    port = free_port()
    command = ["app.simulator", "--port", str(port), "--api-key", STRIPE_KEY]
    with _process(command, {}, directory):
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/_control/now", directory)
        yield url


def control(stripe: str, name: str, **arguments: Any) -> Any:
    """Ask the local Stripe for its record, or bend it."""
    answer = requests.post(f"{stripe}/_control/{name}", json=arguments, timeout=20).json()
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


@contextmanager
def _process(command: list[str], environment: dict[str, str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    directory.mkdir(exist_ok=True)
    wanted = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    with (directory / "processes.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *command], cwd=ROOT, env=wanted, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            end(process)


def _wait_for(address: str, directory: Path) -> None:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.02)
    raise AssertionError(f"{address} does not answer: {(directory / 'processes.log').read_text()[-2000:]}")
