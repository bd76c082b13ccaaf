"""What browsers are told, whom the site answers, what its log keeps to itself, and when it refuses to start (DESIGN §7)."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from app import create_app
from app.config import Settings, SettingsError, from_environment, unsafe
from app.models import Order, Registration
from app.services import users
from tests.support.booking import work
from tests.support.client import OutsideClient
from tests.support.database import ROOT
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the
from tests.support.settings import SECRET_KEY, SITE_URL, STRIPE_KEY, WEBHOOK_SECRET, safe_settings


def fields(club_session: Any, **changes: str) -> dict[str, str]:
    return {"name": "Ana", "email": "ana@example.org", "places": "1", "expected_price_cents": "1200", **changes}


# --- Forms of other sites ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "forged", "of another browser"])
def test_form_without_this_browsers_token_changes_nothing_and_says_what_to_do(
    sqlite_app: Flask, pages: PageClient, token: str | None
) -> None:
    club_session = make_club_session()
    path = f"/sessions/{club_session.slug}/register"
    pages.get(path)
    if token == "of another browser":
        token = PageClient(sqlite_app).get(path).form("/register")["csrf_token"]
    page = pages.post(path, fields(club_session) | ({} if token is None else {"csrf_token": token}))
    assert (page.status, page.h1) == (400, "This page has been open too long") and "Nothing was changed" in page.text
    assert count_of(Order) == 0


def test_twin_with_the_check_off_the_same_form_registers(sqlite_app: Flask, pages: PageClient, stripe_simulator: Any) -> None:
    sqlite_app.config["WTF_CSRF_ENABLED"] = False
    club_session = make_club_session()
    assert pages.post(f"/sessions/{club_session.slug}/register", fields(club_session), follow=False).status == 303


# --- Headers -----------------------------------------------------------------------------------------------------------------

ANSWERS = {
    "/": 200, "/no-such-page": 404, "/sessions.ics": 200, "/club.css": 200, "/static/css/muster.css": 200, "/healthz": 200,
    "/admin/sessions": 303, "/account/sign-out": 405,
}  # fmt: skip


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_carries_the_headers(sqlite_app: Flask, path: str) -> None:
    with OutsideClient(sqlite_app, sqlite_app.response_class).get(path, base_url=SITE_URL) as answer:
        assert answer.status_code == ANSWERS[path]
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin" and headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert all(f"{name}=()" in headers["Permissions-Policy"] for name in ("geolocation", "microphone", "camera"))
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";") if part.strip())
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"] and "*" not in headers["Content-Security-Policy"]


def form_action(app: Flask) -> list[str]:
    answer = OutsideClient(app, app.response_class).get("/healthz", base_url=app.extensions["muster_settings"].site_url)
    return re.findall(r"form-action ([^;]*)", answer.headers["Content-Security-Policy"])[0].split()


def test_forms_may_lead_here_and_to_checkout_and_nowhere_else(sqlite_app: Flask, stripe_simulator: Any) -> None:
    assert form_action(sqlite_app) == ["'self'", stripe_simulator.base_url]


@pytest.mark.parametrize(("env", "origins"), [
    ({}, ("https://checkout.stripe.com",)),
    ({"STRIPE_API_BASE": "http://127.0.0.1:4242"}, ("https://checkout.stripe.com", "http://127.0.0.1:4242")),
    ({"CHECKOUT_ORIGINS": "https://pay.club.example, https://b.example/"}, ("https://pay.club.example", "https://b.example")),
])  # fmt: skip
def test_checkouts_origin_follows_the_settings(env: dict[str, str], origins: tuple[str, ...]) -> None:
    assert from_environment(env).checkout_origins == origins


def over_https(settings: Settings) -> Flask:
    return create_app(settings.with_(site_url="https://club.example"))


def test_over_https_the_cookie_is_secure_and_bound_to_the_host_and_browsers_stay_on_https(settings: Settings) -> None:
    app = over_https(settings)
    answer = OutsideClient(app, app.response_class).get("/account/sign-in", base_url="https://club.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-muster=") and "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie and "max-age=31536000" in answer.headers["Strict-Transport-Security"]


def test_over_http_browsers_are_not_told_to_stay_on_https(sqlite_app: Flask, pages: PageClient) -> None:
    assert "Strict-Transport-Security" not in pages.get("/").headers


# --- Hosts and proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "muster.test.evil.example", "evil.example:80", "muster.test@evil.example"])
def test_site_answers_to_its_own_name_only(sqlite_app: Flask, host: str) -> None:
    client = OutsideClient(sqlite_app, sqlite_app.response_class)
    assert client.get("/", base_url=SITE_URL, headers={"Host": host}).status_code == 400
    assert client.get("/", base_url=SITE_URL).status_code == 200
    sqlite_app.config["TRUSTED_HOSTS"] = None  # the twin
    assert client.get("/", base_url=SITE_URL, headers={"Host": "evil.example"}).status_code == 200


def test_addresses_in_what_is_sent_come_from_the_settings_and_not_from_the_request(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any
) -> None:
    club_session = make_club_session()
    pages.base_url = "http://localhost"
    pages.get(f"/sessions/{club_session.slug}/register")
    pages.submit("/register", name="Ana", email="ana@example.org")
    pages.submit("/register", follow=False)
    assert stripe_simulator.checkout()["success_url"].startswith(f"{SITE_URL}/orders/")


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_forwarded_address_counts_only_behind_as_many_proxies_as_are_trusted(
    settings: Settings, proxies: int, address: str
) -> None:
    app, seen = create_app(settings.with_(trusted_proxies=proxies)), []
    app.before_request(lambda: seen.append(request.remote_addr))
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    OutsideClient(app, app.response_class).get("/healthz", base_url=SITE_URL, headers=forwarded)
    assert seen == [address]


# --- The log -----------------------------------------------------------------------------------------------------------------


def test_log_of_a_whole_journey_names_nobody_and_holds_no_secret(
    sqlite_app: Flask, pages: PageClient, stripe_simulator: Any, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    caplog.set_level(logging.INFO, "stripe")
    make_user(email="aroha@club.example", password=PASSWORD)
    club_session = make_club_session()
    with caplog.at_level(logging.WARNING):
        pages.sign_in("aroha@club.example", "wrong password typed")
        for stripe_is_down in (True, False):
            if stripe_is_down:
                stripe_simulator.control.fail("checkout.create", kind="401")
            pages.get(f"/sessions/{club_session.slug}/register")
            pages.submit("/register", name="Ana Lee", email="ana.lee@example.org")
            pages.submit("/register", follow=False)
        stripe_simulator.pay()
        stripe_simulator.control.fail("*", kind="500", times=3)
        pages.get(f"/orders/{the(Order, status='pending').token}/success?session_id={stripe_simulator.checkout()['id']}")
        stripe_simulator.control.wrong_secret(1)
        stripe_simulator.deliver()
        clock.advance(minutes=31)
        work()
        users.authenticate("aroha@club.example", PASSWORD)
    assert "webhook refused" in caplog.text and "checkout not opened" in caplog.text, "the journey has met something to log"
    private = ["@", "Ana Lee", PASSWORD, "wrong password typed", SECRET_KEY, STRIPE_KEY, WEBHOOK_SECRET]
    private += [row.token for row in [*all_of(Order), *all_of(Registration)]]
    assert [text for text in private if text in caplog.text] == []


# --- Refusing to start -------------------------------------------------------------------------------------------------------

SAFE = {
    "SECRET_KEY": SECRET_KEY, "STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_WEBHOOK_SECRET": "whsec_x", "SITE_URL": "https://club.example",
    "DATABASE_URL": "sqlite:////nowhere/muster.sqlite",
}  # fmt: skip


@pytest.mark.parametrize(("change", "setting"), [
    ({"SECRET_KEY": ""}, "SECRET_KEY"),
    ({"SECRET_KEY": "change-me"}, "SECRET_KEY"),
    ({"SECRET_KEY": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, "SECRET_KEY"),
    ({"SECRET_KEY": "demo-only-not-a-secret"}, "SECRET_KEY"),
    ({"SECRET_KEY": "dev"}, "SECRET_KEY"),
    ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY"),
    ({"STRIPE_SECRET_KEY": "pk_live_x"}, "STRIPE_SECRET_KEY"),
    ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
    ({"STRIPE_WEBHOOK_SECRET": "whsec_a, whsec_simulator"}, "STRIPE_WEBHOOK_SECRET"),
    ({"STRIPE_API_BASE": "http://127.0.0.1:4242"}, "STRIPE_API_BASE"),
    ({"SITE_URL": "http://club.example"}, "SITE_URL"),
])  # fmt: skip
def test_unsafe_setting_stops_the_start_and_is_named(change: dict[str, str], setting: str) -> None:
    settings = from_environment(SAFE | change, development=False)
    (problem,) = unsafe(settings)
    assert problem.startswith(f"{setting} ")
    assert not any(value and value in problem for name, value in (SAFE | change).items() if "SECRET" in name), "a secret"
    with pytest.raises(SettingsError, match=setting):
        create_app(settings)


def test_safe_settings_start(settings: Settings) -> None:
    assert unsafe(from_environment(SAFE, development=False)) == [] == unsafe(safe_settings("sqlite:////nowhere/x.sqlite"))
    assert create_app(settings).name == "app"


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(unsafe(from_environment({}, development=False))) == 2
    with pytest.raises(SettingsError) as refused:
        create_app(from_environment({}, development=False))
    assert "SECRET_KEY" in str(refused.value) and "STRIPE_SECRET_KEY" in str(refused.value)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
def test_the_door_for_the_server_does_not_open_without(missing: str, tmp_path: Path) -> None:
    """As `gunicorn wsgi:app` would: a process of its own that imports the door."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    database = {"DATABASE_URL": f"sqlite:///{tmp_path / 'muster.sqlite'}"}
    started = subprocess.run(
        [sys.executable, "-c", "import wsgi"], cwd=ROOT, env=kept | SAFE | database | {missing: ""},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert started.returncode != 0 and f"- {missing} " in started.stderr
    assert not any(SAFE[name] in started.stderr for name in SAFE if name.endswith(("KEY", "SECRET")))
