"""Stripe's stand-in for tests: the real SDK talks to it over HTTP; its webhooks go into the app when the test says so.

Called through the `stripe_simulator` fixture. One server serves all tests of a worker and forgets everything in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from app.simulator import server
from app.simulator.settings import Settings, WebhookTarget
from app.simulator.webhooks import Answer

from .client import OutsideClient
from .clock import START, FakeClock
from .settings import SITE_URL, STRIPE_KEY, WEBHOOK_SECRET

WEBHOOK_PATH = "/webhooks/stripe"


class StripeServer:
    """The running simulator of one worker. ``post`` says where its webhooks go; nothing is sent unless asked for."""

    def __init__(self) -> None:
        self.post: Callable[[str, Mapping[str, str], bytes, float], Answer] = _nobody
        settings = Settings(
            webhooks=(WebhookTarget(f"{SITE_URL}{WEBHOOK_PATH}", (WEBHOOK_SECRET,)),),
            api_keys=(STRIPE_KEY,),
            frozen_at=int(START.timestamp()),
            signature_time="simulated",
            environment={},
        )
        self.running = server.serve(settings, post=lambda *sent: self.post(*sent))
        self.base_url = self.running.base_url
        self.control = self.running.control

    def reset(self) -> None:
        """An empty account that tells nobody."""
        self.post = _nobody
        self.control.reset()

    def stop(self) -> None:
        self.running.stop()


class StripeSimulator:
    """What a test holds: ``control`` (see app/simulator/control.py), ``pay`` and ``deliver``."""

    def __init__(self, running: StripeServer, app: Flask, clock: FakeClock) -> None:
        running.reset()
        self.base_url = running.base_url
        self.control = running.control
        self.simulator = running.running.simulator
        self.answers: list[tuple[str, int]] = []
        """(event type, status) of each webhook the app answered, in order."""
        self._app = app
        running.post = self._into_app
        clock.followed_by(self._follow)

    def checkout(self) -> dict[str, Any]:
        """The newest Checkout Session."""
        return self.control.sessions()[-1]

    def pay(self, checkout_id: str | None = None, card: str = "4242424242424242", **kwargs: Any) -> Any:
        """Pay a Checkout (the newest) as its payer would; tells nobody until `deliver`."""
        return self.control.pay(checkout_id or self.checkout()["id"], card, **kwargs)

    def deliver(self) -> list[tuple[str, int]]:
        """Send every webhook that is due into the app, one after the other; returns (event type, status) of each."""
        before = len(self.answers)
        while self.control.deliver_due():
            pass
        return self.answers[before:]

    def _into_app(self, url: str, headers: Mapping[str, str], body: bytes, _timeout: float) -> Answer:
        client = OutsideClient(self._app, self._app.response_class, use_cookies=False)
        response = client.post(urlsplit(url).path, base_url=self._site_url(), data=body, headers=dict(headers))
        self.answers.append((_type_of(body), response.status_code))
        return Answer(response.status_code, response.get_data(as_text=True))

    def _site_url(self) -> str:
        return str(self._app.extensions["muster_settings"].site_url)

    def _follow(self, now: datetime) -> None:
        self.control.set_clock(int(now.timestamp()))


def sdk_time(clock: FakeClock) -> SimpleNamespace:
    """A stand-in for the `time` module in the SDK's own check of a signature's age, which knows no other clock."""
    return SimpleNamespace(time=lambda: clock.now.timestamp())


def _nobody(*_: object) -> Answer:
    return Answer(503, "no test asked for webhooks")


def _type_of(body: bytes) -> str:
    return str(json.loads(body)["type"])
