"""The ways out of the app, without sockets: the SDK's HTTP to the simulated Stripe, webhooks into the app, and the mail server.

Made by `world`. Each way has failpoints (`Deaths`): the process may die before or after each call and each commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import transaction
from app.integrations.mailer import MailRefused, MailUnavailable, Message
from app.simulator.faults import NoAnswer
from app.simulator.simulator import Simulator

POINTS = ("commit:before", "commit:after", "stripe:before", "stripe:after", "mail:before", "mail:after")


class Death(BaseException):
    """kill -9: no ``except Exception`` of the app may catch it."""


class Deaths:
    """The named failpoints. ``plan("commit:after", 2)``: the process dies right after the second commit from now."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self.happened: Counter[str] = Counter()

    def plan(self, point: str, nth: int) -> None:
        self._left = {point: nth}

    def forget(self) -> None:
        self._left = {}

    @property
    def planned(self) -> bool:
        return bool(self._left)

    def at(self, point: str) -> None:
        """Called by whatever passes the point."""
        if point in self._left:
            self._left[point] -= 1
            if self._left[point] <= 0:
                self._left = {}
                self.happened[point] += 1
                raise Death(point)


class WsgiClient(stripe.HTTPClient):  # type: ignore[misc]
    """The SDK's transport: everything above it (retries, idempotency keys, errors, paging) is the SDK's own."""

    name = "wsgi"

    def __init__(self, simulator: Callable[[], Simulator], deaths: Deaths) -> None:
        super().__init__()
        self._simulator = simulator
        self._deaths = deaths

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        self._deaths.at("stripe:before")
        environ = _environ(method, url, headers or {}, post_data)
        try:
            body, status, answered = run_wsgi_app(self._simulator().wsgi, environ, buffered=True)
        except NoAnswer as error:
            self._deaths.at("stripe:after")
            raise stripe.APIConnectionError("no answer (simulated)", should_retry=True) from error
        self._deaths.at("stripe:after")
        return b"".join(body), int(status.split()[0]), dict(answered)

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0


def _environ(method: str, url: str, headers: Mapping[str, str], post_data: Any) -> dict[str, Any]:
    parts = urlsplit(url)
    return EnvironBuilder(
        path=parts.path,
        query_string=parts.query,
        base_url=f"{parts.scheme}://{parts.netloc}",
        method=method.upper(),
        headers=dict(headers),
        data=post_data or b"",
    ).get_environ()


class SimulatedMail:
    """The mail server. ``down``: takes nothing; ``refuses``: addresses it will never take. ``sent``: what it took, in order."""

    def __init__(self, deaths: Deaths) -> None:
        self._deaths = deaths
        self.down = False
        self.refuses: set[str] = set()
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        transaction.require_none_open("sending mail")
        self._deaths.at("mail:before")
        if self.down:
            raise MailUnavailable("down (simulated)")
        if message.to in self.refuses:
            raise MailRefused("no such recipient (simulated)")
        self.sent.append(message)
        self._deaths.at("mail:after")
