"""What an operator watches: figures at `/metrics`, an id that leads from a log line to Stripe, and logs that name nobody."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from app import create_app, measures
from app.config import Settings
from tests.processes.house import end, free_port
from tests.support.booking import begin
from tests.support.database import ROOT
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient
from tests.support.settings import SECRET_KEY, STRIPE_KEY

FIGURES = {
    "muster_holds", "muster_offers", "muster_mails_owed", "muster_mails_failed", "muster_open_cases",
    "muster_last_webhook_seconds",
}  # fmt: skip


def figures(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:{[^}]*})?) (\S+)$", text, re.M)}


def test_figures_follow_what_is_held_and_owed(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, clock: Any) -> None:
    before = figures(pages.get("/metrics").html)
    assert set(before) >= FIGURES and before["muster_holds"] == 0 and before["muster_last_webhook_seconds"] == -1
    begin(make_club_session())
    begin(make_free_club_session(), expected_price_cents=0, email="other@example.org")
    clock.advance(minutes=31)
    after = figures(pages.get("/metrics").html)
    assert (after["muster_holds"], after["muster_mails_owed"]) == (1, 1)
    assert after['muster_oldest_due_seconds{kind="holds"}'] == 60
    assert any(name.startswith('muster_stripe_seconds_count{outcome="ok"}') for name in after)


def test_requests_are_counted_by_route_and_never_by_address(sqlite_app: Flask, pages: PageClient) -> None:
    session = make_club_session()
    pages.get(f"/sessions/{session.slug}")
    pages.get("/nobody-knows-this")
    text = pages.get("/metrics").html
    assert 'route="public.session_page"' in text and session.slug not in text and "nobody-knows-this" not in text


def test_methods_that_somebody_makes_up_are_one(sqlite_app: Flask, pages: PageClient) -> None:
    pages.get("/healthz")
    before = len(measures.REQUESTS._metrics)
    for number in range(20):
        pages.http.open("/healthz", method=f"MADE{number}", base_url=pages.base_url)
    text = pages.get("/metrics").html
    assert len(measures.REQUESTS._metrics) <= before + 2, "their own, and the one of /metrics"
    assert 'method="other"' in text and "MADE" not in text


def test_figures_take_three_statements(
    sqlite_app: Flask, pages: PageClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with statements() as seen:
        pages.get("/metrics")
    assert len([sql for sql in seen if sql.startswith("SELECT")]) == 3


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("203.0.113.5", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.5"}, 404),
    ],
)
def test_without_a_token_this_machine_alone_may_watch(
    sqlite_app: Flask, address: str, headers: dict[str, str], status: int
) -> None:
    answer = sqlite_app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address}, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(("sent", "status"), [("Bearer right-token", 200), ("Bearer wrong", 404), ("", 404), ("Bearer é", 404)])
def test_with_a_token_whoever_brings_it_may(settings: Settings, sent: str, status: int) -> None:
    client = create_app(settings.with_(metrics_token="right-token")).test_client()
    headers = {"Authorization": sent, "X-Forwarded-For": "203.0.113.5"}
    assert client.get("/metrics", headers=headers).status_code == status


def test_one_id_is_in_the_answer_the_log_and_at_stripe(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    session = make_club_session()
    pages.get(f"/sessions/{session.slug}/register")
    form = {"name": "Ana", "email": "ana@example.org", "places": "1"}
    with caplog.at_level(logging.INFO, logger="app.requests"):
        pages.submit("/register/check", **form)
        page = pages.submit(f"/sessions/{session.slug}/register")
    assert page.left_for is not None
    checkout = stripe_simulator.checkout()
    request_id = checkout["metadata"]["requestId"]
    assert re.fullmatch(r"[0-9a-f]{16}", request_id) and checkout["metadata"].keys() >= {"orderId", "registrationId"}
    assert "X-Request-Id" in page.headers
    lines = [record for record in caplog.records if record.name == "app.requests"]
    assert [(line.route, line.status) for line in lines][-1] == ("registration.register", 303)
    assert "ana@example.org" not in caplog.text and session.slug not in caplog.text


def test_a_client_does_not_choose_the_id(sqlite_app: Flask) -> None:
    sent = "x" * 16
    answer = sqlite_app.test_client().get("/healthz", headers={"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] != sent


def test_under_gunicorn_workers_add_up_and_log_lines_are_json(database_url: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "site.log"
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SECRET_KEY": SECRET_KEY, "SITE_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database_url, "STRIPE_SECRET_KEY": STRIPE_KEY, "TMPDIR": str(tmp_path),
    }  # fmt: skip
    options = ["--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", *options]
    with log.open("w") as sink:
        site = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)  # noqa: S603
        try:
            base = f"http://127.0.0.1:{port}"
            retries = requests.adapters.Retry(connect=60, backoff_factor=0.3, backoff_max=0.5)
            with requests.Session() as browser:
                browser.mount(base, requests.adapters.HTTPAdapter(max_retries=retries))
                for _ in range(20):
                    browser.get(f"{base}/healthz", headers={"Connection": "close"}, timeout=20)
                browser.post(f"{base}/account/sign-out", timeout=20)
                text = browser.get(f"{base}/metrics", timeout=20).text
        finally:
            end(site)
    counted = figures(text)['muster_request_seconds_count{method="GET",route="health.healthz",status="200"}']
    assert counted == 20
    (line,) = [json.loads(line) for line in log.read_text().splitlines() if '"route"' in line]
    assert line["route"] == "accounts.sign_out" and re.fullmatch(r"[0-9a-f]{16}", line["request_id"])
