"""Every command of DESIGN §7: what it does, what it says, how it exits; and that nothing starts with unsafe settings.

Most run in this process; what only a real one shows (an empty environment, signals, gunicorn) runs as a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import update

from app import demo, jobs
from app.config import SettingsError
from app.models import ClubSession, OutgoingEmail, Payment, Registration, User
from app.services import health_check
from app.transaction import transaction
from tests.support.booking import begin, do_not_pause, order_of
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.process import ended, start
from tests.support.rows import all_of, count_of, the
from tests.support.settings import NOWHERE, SECRET_KEY, STRIPE_KEY

PASSWORD = "staple battery horse correct"
SAFE = {"SECRET_KEY": SECRET_KEY, "STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_API_BASE": NOWHERE}
LIVE = {"SECRET_KEY": SECRET_KEY, "STRIPE_SECRET_KEY": "sk_live_abcdefghijklmnop", "SITE_URL": "https://club.example"}


@pytest.fixture
def flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``flask("command", "--option", input="...")`` on the test's database; a crash fails the test."""
    do_not_pause(monkeypatch)

    def run(*words: str, input: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=words, input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


# --- people and sessions ------------------------------------------------------------------------------------------------------


def test_create_user_reads_the_password_from_standard_input(flask: Callable[..., Result], pages: Any) -> None:
    done = flask("create-user", "--email", " Desk@Club.Example ", "--name", "Desk", "--role", "desk", input=f"{PASSWORD}\n")
    assert (done.exit_code, done.output) == (0, "desk@club.example can sign in as desk.\n")
    user = the(User)
    assert (user.email, user.role) == ("desk@club.example", "desk") and PASSWORD not in str(user.password_hash)
    assert pages.sign_in("desk@club.example", PASSWORD).status == 200 and "sign-in" not in pages.page.url


@pytest.mark.parametrize(("email", "role", "password", "code", "said"), [
    ("first@club.example", "staff", PASSWORD, 1, "already"),
    ("second@club.example", "staff", "short", 1, "password"),
    ("second@club.example", "staff", "", 1, "password"),
    ("not an address", "staff", PASSWORD, 1, "not an e-mail address"),
    ("second@club.example", "owner", PASSWORD, 2, "is not one of"),
])  # fmt: skip
def test_create_user_refuses_in_words_and_adds_nobody(
    flask: Callable[..., Result], email: str, role: str, password: str, code: int, said: str
) -> None:
    flask("create-user", "--email", "first@club.example", "--name", "First", input=f"{PASSWORD}\n")
    refused = flask("create-user", "--email", email, "--name", "Second", "--role", role, input=f"{password}\n")
    assert refused.exit_code == code and said in refused.output.lower()
    assert [user.email for user in all_of(User)] == ["first@club.example"]


@pytest.mark.parametrize(("name", "password"), [("Second", b"caf\xe9 battery horse\n"), ("Ren\udce9", b"staple battery horse\n")])
def test_create_user_says_that_what_it_was_given_is_not_utf_8(app: Flask, name: str, password: bytes) -> None:
    words = ("create-user", "--email", "second@club.example", "--name", name)
    refused = app.test_cli_runner().invoke(args=words, input=password)
    assert refused.exit_code == 1 and "must be text in UTF-8" in refused.output and count_of(User) == 0


def test_import_sessions_prints_slugs_or_imports_nothing(flask: Callable[..., Result], tmp_path: Path) -> None:
    good = {"title": "Squash", "starts_at": "2026-04-01T18:00:00+13:00", "ends_at": "2026-04-01T19:00:00+13:00", "capacity": 4}
    file = tmp_path / "sessions.json"
    file.write_text(json.dumps([good, {**good, "title": "Badminton"}]))
    done = flask("import-sessions", str(file))
    assert done.exit_code == 0 and done.output.split() == [row.slug for row in all_of(ClubSession)]
    file.write_text(json.dumps([{**good, "title": "Tennis"}, {**good, "ends_at": "yesterday"}]))
    refused = flask("import-sessions", str(file))
    assert refused.exit_code == 1 and "Nothing was imported." in refused.output and count_of(ClubSession) == 2
    assert flask("import-sessions", str(tmp_path / "nothing.json")).exit_code == 2


# --- the background and the books ---------------------------------------------------------------------------------------------


def test_worker_once_does_what_is_due_and_says_how_much(
    flask: Callable[..., Result], stripe_simulator: Any, clock: FakeClock
) -> None:
    token = begin(make_club_session())
    begin(make_free_club_session(), expected_price_cents=0)
    clock.advance(minutes=31)
    done = flask("worker", "--once")
    assert done.exit_code == 0 and "holds ended: 1" in done.output and "mails sent: 1" in done.output
    assert order_of(token).status == "expired"


def test_worker_once_exits_1_and_names_what_failed(
    flask: Callable[..., Result], stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise RuntimeError("broken")

    monkeypatch.setitem(jobs._scans, "refunds sent", broken)
    begin(make_free_club_session(), expected_price_cents=0)
    done = flask("worker", "--once")
    assert done.exit_code == 1 and "Failed: refunds sent." in done.output
    assert "mails sent: 1" in done.output, "the rest was done"


def test_reconcile_exits_0_in_order_and_1_while_something_is_open(
    flask: Callable[..., Result], stripe_simulator: Any, clock: FakeClock
) -> None:
    token = begin(make_club_session())
    stripe_simulator.control.drop(count=None)
    stripe_simulator.pay()
    clock.advance(minutes=20)
    done = flask("reconcile")
    assert done.exit_code == 0 and "events mended: " in done.output and "✓ The books equal Stripe's." in done.output
    assert order_of(token).status == "paid"
    stripe_simulator.control.dispute(the(Payment).payment_intent_id)
    open_now = flask("reconcile")
    assert open_now.exit_code == 1 and f"dispute opened, order {order_of(token).reference}" in open_now.output
    stripe_simulator.control.fail("*", "timeout", times=50, seconds=0)
    away = flask("reconcile")
    assert away.exit_code == 1 and "Stripe could not be reached" in away.output and "run this again" in away.output


def test_doctor_is_quiet_when_all_is_well(flask: Callable[..., Result], stripe_simulator: Any) -> None:
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    done = flask("doctor")
    assert done.exit_code == 0 and "✓ Settings, counters, ledger" in done.output
    assert "The last webhook came at 2026-03-02 21:00 UTC." in done.output


def drift(clock: FakeClock) -> None:
    change(update(ClubSession).values({"waitlist_taken": 3}))


def be_late(clock: FakeClock) -> None:
    clock.advance(hours=2)


def fail_mail(clock: FakeClock) -> None:
    change(update(OutgoingEmail).values(failed_at=clock.now))


def lose_money(clock: FakeClock) -> None:
    change(update(Payment).values(captured_cents=500))


def change(statement: Any) -> None:
    with transaction() as db:
        db.execute(statement)


@pytest.mark.parametrize(("go_wrong", "named"), [
    (drift, "counted"), (be_late, "Background work is late"), (fail_mail, "could not be delivered"), (lose_money, "Ledger: "),
])  # fmt: skip
def test_doctor_names_what_is_wrong_and_exits_1(
    flask: Callable[..., Result], stripe_simulator: Any, clock: FakeClock, go_wrong: Callable[[FakeClock], None], named: str
) -> None:
    begin(make_free_club_session(), expected_price_cents=0)
    begin(make_club_session())
    go_wrong(clock)
    done = flask("doctor")
    assert done.exit_code == 1 and f"✗ {'' if named != 'counted' else 'session-'}" in done.output and named in done.output


def test_doctor_says_that_webhooks_do_not_come(flask: Callable[..., Result], stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session())
    stripe_simulator.control.drop(count=None)
    stripe_simulator.pay()
    clock.advance(minutes=1)
    flask("worker", "--once")
    done = flask("doctor")
    assert done.exit_code == 1 and "No webhook has come from Stripe yet." in done.output
    assert "Stripe's messages do not come" in done.output


def test_backup_says_its_size_and_never_overwrites(flask: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite"
    done = flask("backup", str(file))
    assert (done.exit_code, done.output) == (0, f"{file}: {file.stat().st_size} bytes.\n")
    again = flask("backup", str(file))
    assert again.exit_code == 1 and "never overwritten" in again.output


def test_purge_says_how_many_it_forgot(flask: Callable[..., Result], clock: FakeClock) -> None:
    begin(make_free_club_session(), expected_price_cents=0)
    assert flask("purge").output == "0 bookings and orders anonymised.\n"
    clock.advance(days=3 * 365)
    assert flask("purge").output == "1 bookings and orders anonymised.\n" and the(Registration).name == "(forgotten)"


def test_readyz_tells_the_age_of_due_work_and_when_the_last_webhook_came(
    app: Flask, pages: Any, stripe_simulator: Any, clock: FakeClock
) -> None:
    assert pages.get("/readyz").response.get_json()["lastWebhookAt"] is None
    begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(seconds=90)
    answer = pages.get("/readyz").response.get_json()
    assert answer["lastWebhookAt"] == "2026-03-02T21:00:00+00:00" and answer["oldestDueSeconds"]["mail"] == 90
    assert health_check.findings() == []


@pytest.mark.parametrize("port", ["0", "65536", "-1", "9" * 30, "web"])
def test_demo_takes_no_port_that_is_none(flask: Callable[..., Result], port: str) -> None:
    refused = flask("demo", "--port", port)
    assert refused.exit_code == 2 and "--port" in refused.output


def test_demo_that_cannot_start_says_why(flask: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_port: int) -> None:
        raise SettingsError("No free port from 1 to 50: give another with --port.")

    monkeypatch.setattr(demo, "run", run)
    refused = flask("demo", "--port", "1")
    assert refused.exit_code == 1 and refused.output == "Error: No free port from 1 to 50: give another with --port.\n"


# --- as processes of their own ------------------------------------------------------------------------------------------------


def test_empty_database_is_made_with_nothing_but_its_address(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'muster.sqlite'}"
    doctor = start("flask", "--app", "wsgi", "doctor", DATABASE_URL=url, **SAFE)
    code, said = ended(doctor)
    assert code == 1 and "flask --app wsgi db upgrade" in said and "Traceback" not in said
    code, said = ended(start("flask", "--app", "wsgi", "db", "upgrade", DATABASE_URL=url))
    assert code == 0, said
    code, said = ended(start("flask", "--app", "wsgi", "doctor", DATABASE_URL=url, **SAFE))
    assert code == 0 and "✓" in said


UNSAFE = {
    "SECRET_KEY is not set": {"STRIPE_SECRET_KEY": STRIPE_KEY},
    "SECRET_KEY is too easy to guess": {**SAFE, "SECRET_KEY": "change-me"},
    "STRIPE_SECRET_KEY is not set": {"SECRET_KEY": SECRET_KEY},
    "STRIPE_SECRET_KEY does not look like": {**SAFE, "STRIPE_SECRET_KEY": "pk_test_public"},
    "STRIPE_WEBHOOK_SECRET is not set": LIVE,
    "STRIPE_API_BASE is set": {**LIVE, "STRIPE_WEBHOOK_SECRET": "whsec_live", "STRIPE_API_BASE": NOWHERE},
    "DATABASE_URL must begin with": {**SAFE, "DATABASE_URL": "mysql://club"},
}


def test_gunicorn_does_not_start_with_unsafe_settings_and_names_the_setting() -> None:
    started = {
        reason: start("gunicorn", "wsgi:app", "--bind", "127.0.0.1:0", "--workers", "1", **environment)
        for reason, environment in UNSAFE.items()
    }
    ends = {reason: ended(process) for reason, process in started.items()}
    for reason, (code, said) in ends.items():
        assert code != 0 and reason in said, f"{reason!r}: {said[-600:]}"
        assert LIVE["STRIPE_SECRET_KEY"] not in said, "a secret is not printed"


def test_worker_does_not_start_with_unsafe_settings_and_names_them_without_a_traceback(tmp_path: Path) -> None:
    code, said = ended(start("flask", "--app", "wsgi", "worker", DATABASE_URL=f"sqlite:///{tmp_path / 'm.sqlite'}"))
    assert code == 1 and "Muster does not start" in said and "Traceback" not in said
    assert "SECRET_KEY is not set" in said and "STRIPE_SECRET_KEY is not set" in said
