"""One club, its site, its Stripe, its mail and its clock in one process, for one history after the other. Used by `history`.

The app is made once; each history gets a fresh database. ``die`` is what a kill -9 and a restart leave: the database, Stripe's
record and what people saw, and nothing of the process.
"""

from __future__ import annotations

import gc
import logging
import random
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import stripe
from flask import Flask
from sqlalchemy.orm import Session

from app import clock as app_clock
from app import create_app, jobs
from app.extensions import db
from app.integrations import qr_code
from app.simulator.settings import Settings, WebhookTarget
from app.simulator.simulator import Simulator
from app.simulator.webhooks import Answer
from tests.support.client import OutsideClient
from tests.support.clock import START, FakeClock
from tests.support.compiled import remember
from tests.support.database import dispose
from tests.support.settings import SITE_URL, STRIPE_KEY, WEBHOOK_SECRET, safe_settings

from .wire import Deaths, SimulatedMail, WsgiClient

STRIPE_URL = "http://stripe.muster.test"
WEBHOOK = f"{SITE_URL}/webhooks/stripe"


class Database:
    """Makes the database of each history anew. ``url`` never changes, so one app serves them all."""

    def __init__(self, url: str, renew: Callable[[], None]) -> None:
        self.url = url
        self.renew = renew

    @classmethod
    def sqlite(cls, template: Path, directory: Path) -> Database:
        """A file copied from a migrated one."""
        file = directory / "history.sqlite"

        def renew() -> None:
            for old in directory.glob("history.sqlite*"):
                old.unlink()
            shutil.copyfile(template, file)

        return cls(f"sqlite:///{file}", renew)


class World:
    """What a history plays in. Between histories: ``begin``."""

    def __init__(self, database: Database, files: Path) -> None:
        self._database, self._files = database, files
        self.deaths = Deaths()
        self.mail = SimulatedMail(self.deaths)
        self.clock = FakeClock()
        self.simulator: Simulator = _new_simulator(self._into_app)
        database.renew()
        settings = safe_settings(database.url, stripe_api_base=STRIPE_URL, files_dir=str(files))
        with patch.object(stripe, "RequestsClient", lambda **_: WsgiClient(lambda: self.simulator, self.deaths)):
            self.app: Flask = remember(create_app(settings))
        self.app.testing = True
        self.app.extensions["muster_mailer"] = self.mail
        self.webhook_answers: list[int] = []

    @property
    def stripe(self) -> Any:
        """The hand on the simulated Stripe (app/simulator/control.py)."""
        return self.simulator.control

    def begin(self) -> None:
        """An empty club on a fresh database, at the same moment for every history."""
        self._forget_process()
        self._database.renew()
        shutil.rmtree(self._files, ignore_errors=True)
        self.deaths.forget()
        self.mail.down, self.mail.refuses, self.mail.sent = False, set(), []
        self.webhook_answers = []
        self.simulator.control.reset()
        self.move_to(START)

    def move_to(self, moment: Any) -> None:
        self.clock.set(moment)
        self.stripe.set_clock(int(self.clock.now.timestamp()))

    def advance(self, **by: float) -> None:
        self.move_to(self.clock.now + timedelta(**by))

    def work(self) -> dict[str, int]:
        """What `flask worker --once` does; what it found."""
        return {name: count for name, count in jobs.run_due().items() if count}

    def settle(self) -> dict[str, int]:
        """What is on its way arrives, then the worker runs."""
        self.deliver()
        return self.work()

    def deliver(self) -> None:
        """Every webhook that is due, one after the other; answers that are not 2xx come again later, as Stripe's do."""
        while self.stripe.deliver_due():
            pass

    def die(self) -> None:
        """The process is gone; another one starts on what it left."""
        self.deaths.forget()
        self._forget_process()

    def _forget_process(self) -> None:
        db.session.remove()
        if "sqlite" in self._database.url:
            dispose()
        self.app.extensions.pop("muster_jobs", None)

    def open(self, path: str) -> int:
        """What the site answers to whoever follows this link."""
        client = OutsideClient(self.app, self.app.response_class, use_cookies=False)
        return client.get(path, base_url=SITE_URL).status_code

    def _into_app(self, url: str, headers: Mapping[str, str], body: bytes, _timeout: float) -> Answer:
        client = OutsideClient(self.app, self.app.response_class, use_cookies=False)
        response = client.post(urlsplit(url).path, base_url=SITE_URL, data=body, headers=dict(headers))
        self.webhook_answers.append(response.status_code)
        return Answer(response.status_code, response.get_data(as_text=True))


def _new_simulator(post: Any) -> Simulator:
    settings = Settings(
        webhooks=(WebhookTarget(WEBHOOK, (WEBHOOK_SECRET,)),),
        api_keys=(STRIPE_KEY,),
        base_url=STRIPE_URL,
        frozen_at=int(START.timestamp()),
        signature_time="simulated",
        environment={},
    )
    return Simulator(settings, post)


@contextmanager
def running(database: Database) -> Iterator[World]:
    """A world in which the app reads the world's clock and a commit is a failpoint."""
    with ExitStack() as stack:
        world = World(database, Path(stack.enter_context(TemporaryDirectory(prefix="muster-files-"))))
        stack.enter_context(app_clock.reading(world.clock))
        stack.enter_context(patch.object(stripe._webhook, "time", _Time(world.clock)))
        stack.enter_context(_commits_that_may_kill(world.deaths))
        stack.enter_context(_nothing_for_show())
        stack.enter_context(world.app.app_context())
        try:
            yield world
        finally:
            world._forget_process()
            dispose()
            world.simulator.close()


class _Time:
    """What the SDK's own check of a signature's age reads."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now.timestamp()


@contextmanager
def _nothing_for_show() -> Iterator[None]:
    """No pictures drawn, no log lines of requests, no looking for old jobs of an engine that has none here: none is a promise."""
    requests = logging.getLogger("app.requests")
    level, thresholds = requests.level, gc.get_threshold()
    requests.setLevel(logging.WARNING)
    gc.set_threshold(100_000, 20, 20)  # a history makes much and keeps little
    try:
        with patch.object(qr_code, "png", lambda _: ""), patch.object(jobs, "_tidy_for_once", lambda: 0):
            yield
    finally:
        requests.setLevel(level)
        gc.set_threshold(*thresholds)


@contextmanager
def _commits_that_may_kill(deaths: Deaths) -> Iterator[None]:
    commit = Session.commit

    def dangerous(self: Session) -> None:
        deaths.at("commit:before")
        commit(self)
        deaths.at("commit:after")

    with patch.object(Session, "commit", dangerous):
        yield


@contextmanager
def seeded_secrets(seed: int) -> Iterator[None]:
    """Tokens, keys and references drawn from the seed, so that the same seed is the same history to the letter."""
    drawn = random.Random(f"secrets {seed}")  # noqa: S311 - made-up secrets

    def hexadecimal(size: int = 32) -> str:
        return f"{drawn.getrandbits(8 * size):0{2 * size}x}"

    with (
        patch.object(secrets, "choice", drawn.choice),
        patch.object(secrets, "token_hex", hexadecimal),
        patch.object(secrets, "token_urlsafe", lambda size=32: f"t{hexadecimal(size)}"),
    ):
        yield

