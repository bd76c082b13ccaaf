"""What every journey walks on: the live site, Stripe's stand-in that posts webhooks to it over HTTP, mail and the worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page

from app import jobs
from app.simulator.webhooks import Answer, post_over_http
from tests.journeys.walk import Walk
from tests.support.browser import aside
from tests.support.mail import SmtpServer


@pytest.fixture
def stripe(stripe_simulator: Any, stripe_server: Any, live_site: str) -> Any:
    """The local Stripe; ``deliver`` sends its webhooks through the site's own port, as they would come."""

    def post(url: str, headers: Any, body: bytes, timeout: float) -> Answer:
        answer = post_over_http(live_site + urlsplit(url).path, headers, body, timeout)
        assert answer.status == 200, f"the site answered a webhook with {answer.status}"
        return answer

    stripe_server.post = post
    return stripe_simulator


@pytest.fixture
def work(app: Flask) -> Callable[[], None]:
    """Do what is due, as `flask worker --once` does."""

    def once() -> None:
        with app.app_context():
            jobs.run_due()

    return lambda: aside(once)


@pytest.fixture
def walk(stripe: Any, smtp_server: SmtpServer, page: Page) -> Walk:
    """A visitor whose browser has JavaScript off, unless parametrized (see `javascript`)."""
    return Walk(page)
