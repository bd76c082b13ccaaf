"""Starts the sites, their workers and the local Stripe as processes of their own, kills some of them, and ends what it started.

With several sites it is several machines around one database and one mail server: each has a gunicorn, a worker, and a disk of
its own with a copy of the code, an instance folder and temporary files, so that what one needs of another's disk is missed.
Called by the storm. Nothing is ended but by the id of a process that was started here, or of a child of one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import IO, Any

import requests

from app.config import Settings
from tests.support.database import ROOT
from tests.support.settings import SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET, safe_settings

LONGEST = 60.0
"""Seconds a process may take to be there, on a machine that does much else."""


class House:
    """One club's processes around one database. ``killed`` counts by kind; a "machine" is a whole gunicorn with its children."""

    def __init__(self, database_url: str, directory: Path, workers: int = 2, sites: int = 1) -> None:
        self.ports, self.stripe_port = [free_port() for _ in range(sites)], free_port()
        self.sites, self.stripe = [f"http://127.0.0.1:{port}" for port in self.ports], f"http://127.0.0.1:{self.stripe_port}"
        self.site = self.sites[0]
        """Where mails and Stripe lead: the address of the club, behind which any site may answer."""
        self.mail, self.database_url = directory / "mail", database_url
        self.killed = {"gunicorn": 0, "worker": 0, "machine": 0}
        self._machines = [ROOT] if sites == 1 else [_machine(directory / f"machine-{number}") for number in range(sites)]
        self._log: IO[bytes] = (directory / "processes.log").open("wb")
        self._workers: list[subprocess.Popen[bytes]] = []
        self._wanted_workers = workers
        self._gunicorns: list[subprocess.Popen[bytes]] = []
        self._simulator: subprocess.Popen[bytes] | None = None

    def settings(self) -> Settings:
        """The same settings as the processes have, for an app in this one."""
        return safe_settings(
            self.database_url, site_url=self.site, stripe_api_base=self.stripe, mail_url=f"file://{self.mail}"
        )

    def open(self) -> None:
        """Start everything and wait until the site answers."""
        self._simulator = self._start(
            "-m", "app.simulator", "--port", str(self.stripe_port), "--webhook-url", f"{self.site}/webhooks/stripe",
            "--webhook-secret", WEBHOOK_SECRET, "--api-key", STRIPE_KEY,
        )  # fmt: skip
        self.open_site()
        self.wait_for(f"{self.stripe}/_control/now")

    def open_site(self) -> None:
        """Start each gunicorn and the workers, as after a reboot."""
        self._gunicorns = [self._start_gunicorn(number) for number in range(len(self.ports))]
        self._workers = [self._start_worker(number) for number in range(self._wanted_workers)]
        for site in self.sites:
            self.wait_for(f"{site}/readyz")

    def close_site(self) -> None:
        """End each gunicorn and the workers as an operator would."""
        end(*self._gunicorns, *self._workers)
        self._gunicorns, self._workers = [], []

    def close(self) -> None:
        self.close_site()
        if self._simulator is not None:
            end(self._simulator)
        self._log.close()

    def control(self, name: str, **arguments: Any) -> Any:
        """Ask the simulator for its own record, or bend it."""
        answer = requests.post(f"{self.stripe}/_control/{name}", json=arguments, timeout=20).json()
        return answer.get("result", answer)

    def kill_one(self, random: Random) -> None:
        """kill -9 one of gunicorn's children, or one worker, or a whole machine's site where there are several.

        What died is started again as systemd would. With several machines, one of each goes first.
        """
        if len(self._gunicorns) > 1 and not (self.killed["machine"] and self.killed["worker"]):
            self.kill_worker(0) if self.killed["machine"] else self.kill_site(1)
            return
        children = [child for gunicorn in self._gunicorns for child in children_of(gunicorn.pid)]
        chosen = random.randrange(4)
        if chosen == 0 and len(self._gunicorns) > 1:
            self.kill_site(random.randrange(len(self._gunicorns)))
        elif chosen < 2 and children:
            kill(random.choice(children))
            self.killed["gunicorn"] += 1
        elif self._workers:
            self.kill_worker(random.randrange(len(self._workers)))

    def kill_site(self, which: int) -> None:
        """kill -9 one gunicorn with everything that it started, and start it again: a machine that lost its power."""
        gunicorn = self._gunicorns[which]
        children = children_of(gunicorn.pid)
        gunicorn.kill()
        gunicorn.wait(10)
        for child in children:
            kill(child)
        self._gunicorns[which] = self._start_gunicorn(which)
        self.killed["machine"] += 1

    def kill_worker(self, which: int) -> None:
        """kill -9 one worker, and start it again."""
        self._workers[which].kill()
        self._workers[which].wait(10)
        self._workers[which] = self._start_worker(which)
        self.killed["worker"] += 1

    def wait_for(self, address: str) -> None:
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            try:
                if requests.get(address, timeout=5).ok:
                    return
            except (requests.ConnectionError, requests.Timeout):
                threading.Event().wait(0.1)
        raise AssertionError(f"{address} does not answer: {self.said()}")

    def said(self) -> str:
        """The end of what the processes wrote."""
        self._log.flush()
        return Path(self._log.name).read_text(errors="replace")[-2000:]

    def _start_gunicorn(self, which: int) -> subprocess.Popen[bytes]:
        return self._start(
            "-m", "gunicorn", "wsgi:app", "--preload", "--worker-class", "gthread", "--workers", "2", "--threads", "4",
            "--bind", f"127.0.0.1:{self.ports[which]}", "--log-level", "error", on=which,
        )  # fmt: skip

    def _start_worker(self, which: int) -> subprocess.Popen[bytes]:
        return self._start("-m", "flask", "--app", "wsgi", "worker", on=which)

    def _start(self, *words: str, on: int = 0) -> subprocess.Popen[bytes]:
        machine = self._machines[on % len(self._machines)]
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(machine), "SECRET_KEY": SECRET_KEY, "SITE_URL": self.site,
            "DATABASE_URL": self.database_url, "STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": self.stripe, "MAIL_URL": f"file://{self.mail}", "MAIL_FROM": "Club <office@muster.test>",
            "TRUSTED_PROXIES": "1",
        }  # fmt: skip
        if machine != ROOT:
            environment["TMPDIR"] = str(machine / "tmp")
        command = [sys.executable, *words]
        return subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=machine, env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )


def _machine(root: Path) -> Path:
    """A disk with the code on it and nothing else."""
    shutil.copytree(ROOT / "app", root / "app")
    shutil.copytree(ROOT / "migrations", root / "migrations")
    shutil.copy(ROOT / "wsgi.py", root)
    (root / "tmp").mkdir()
    return root


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """The processes that this one has started, as the kernel knows them."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def end(*processes: subprocess.Popen[bytes]) -> None:
    """Ask them to stop, all at once; insist after a while, with the children that they would leave behind."""
    children = {process.pid: children_of(process.pid) for process in processes}
    for process in processes:
        process.terminate()
    until = time.monotonic() + 15
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            for child in children[process.pid]:
                kill(child)
