"""Starting, stopping and restarting: as an object, a thread, a process; never beside a live key.

Run by pytest.
"""
from __future__ import annotations

import ast
import os
import signal
import subprocess  # noqa: S404 - the process under test
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

import app.simulator
from app.simulator import LiveKeyRefused, Settings, create_simulator
from app.simulator.server import RunningSimulator, serve
from tests.simulator.conftest import NOON, Mailbox

Order = Callable[..., dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(api_keys=("sk_live_1",), environment={}),
        Settings(api_keys=("sk_test_1", "rk_live_1"), environment={}),
        Settings(environment={"STRIPE_SECRET_KEY": "sk_live_1"}),
        Settings(environment={"STRIPE_SECRET_KEY": " rk_live_1"}),
    ],
)
def test_it_does_not_start_beside_a_live_key(settings: Settings) -> None:
    for begin in (create_simulator, serve):
        with pytest.raises(LiveKeyRefused):
            begin(settings)


def test_the_environment_of_the_process_is_what_counts_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_1")
    with pytest.raises(LiveKeyRefused):
        create_simulator()
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    create_simulator().close()


def test_it_remembers_everything_across_a_restart(
    start: Callable[..., RunningSimulator], connect: Callable[..., stripe.StripeClient], order: Order, mailbox: Mailbox,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = str(tmp_path / "simulator.sqlite")
    first = start(path=path)
    client = connect(first.base_url)
    key: Any = {"idempotency_key": "k"}
    open_one = client.v1.checkout.sessions.create(order(expires_at=NOON + 7200), key)
    paid = client.v1.checkout.sessions.create(order())
    first.control.pay(paid.id, "4000000000007726")
    refund = first.control.refund(paid.id)
    first.control.advance(30)
    before = {name: getattr(first.control, name)() for name in ("sessions", "payments", "refunds", "events", "deliveries")}
    first.stop = lambda: None  # type: ignore[method-assign]  # stopped here, not by the fixture
    RunningSimulator.stop(first)

    second = start(path=path)
    for name, kept in before.items():
        assert getattr(second.control, name)() == kept, name
    assert second.control.now() == NOON + 30
    client = connect(second.base_url)
    again = client.v1.checkout.sessions.create(order(expires_at=NOON + 7200), key)
    assert again.id == open_one.id and len(second.control.sessions()) == 2
    assert second.control.deliver_due() == len(before["deliveries"])
    assert mailbox.types()[0] == "payment_intent.created"
    second.control.advance(30)
    assert second.control.refunds()[0]["id"] == refund["id"] and second.control.refunds()[0]["status"] == "succeeded"
    second.control.advance(7200)
    assert client.v1.checkout.sessions.retrieve(open_one.id).status == "expired"


def test_reset_forgets_in_the_file_as_well(
    start: Callable[..., RunningSimulator], connect: Callable[..., stripe.StripeClient], order: Order, tmp_path: Path
) -> None:
    path = str(tmp_path / "simulator.sqlite")
    running = start(path=path)
    key: Any = {"idempotency_key": "k"}
    connect(running.base_url).v1.checkout.sessions.create(order(), key)
    running.control.hold()
    running.control.fail()
    running.control.advance(60)
    running.control.reset()
    for simulator in (running, start(path=path)):
        control = simulator.control
        assert (control.sessions(), control.events(), control.faults(), control.now()) == ([], [], [], NOON)
    connect(running.base_url).v1.checkout.sessions.create(order(quantity=3), key)
    running.control.expire(running.control.sessions()[0]["id"])
    assert running.control.deliver_due() == 1


def test_thirty_requests_with_one_key_make_one_session(
    running: RunningSimulator, connect: Callable[..., stripe.StripeClient], order: Order
) -> None:
    barrier, found, failed = threading.Barrier(30), [], []

    def create() -> None:
        client = connect(running.base_url, retries=5)
        barrier.wait()
        try:
            found.append(client.v1.checkout.sessions.create(order(), {"idempotency_key": "one"}).id)
        except stripe.StripeError as error:
            failed.append(error)
        finally:
            client._requestor._client.close()

    threads = [threading.Thread(target=create) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(found) == 30
    assert {s["id"] for s in running.control.sessions()} == set(found) and len(set(found)) == 1


def test_forty_different_requests_at_once_are_all_answered(
    start: Callable[..., RunningSimulator], order: Order, tmp_path: Path
) -> None:
    running = start(path=str(tmp_path / "busy.sqlite"))
    barrier, statuses = threading.Barrier(40), []
    form = {
        "mode": "payment", "success_url": "https://site.example/ok", "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "nzd", "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "Talk",
    }  # fmt: skip

    def create(i: int) -> None:
        with requests.Session() as http:
            http.headers = {"Authorization": "Bearer sk_test_1", "Idempotency-Key": f"key-{i}"}
            barrier.wait()
            made = http.post(f"{running.base_url}/v1/checkout/sessions", data=form)
            paid = http.post(f"{running.base_url}/_control/pay", json={"session_id": made.json()["id"]})
            statuses.append((made.status_code, paid.json()["result"]["outcome"]))

    threads = [threading.Thread(target=create, args=(i,)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [(200, "paid")] * 40
    assert len(running.control.sessions()) == len(running.control.charges()) == 40
    assert len({t["id"] for t in running.control.transactions()}) == 40


def test_the_control_answers_over_http(running: RunningSimulator, browser: requests.Session, new_session: Any) -> None:
    def call(name: str, **arguments: Any) -> Any:
        answer = browser.post(f"{running.base_url}/_control/{name}", json=arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    session = new_session().id
    assert call("pay", session_id=session, card="4000000000000002")["outcome"] == "declined"
    assert call("pay", session_id=session)["outcome"] == "paid"
    assert call("refund", payment=session, amount=100)["amount"] == 100
    assert call("advance", seconds=60) == NOON + 60
    assert call("set-clock", timestamp=NOON + 90) == NOON + 90
    call("drop", count=None, types=["refund.created"])
    call("fail", operation="checkout.create", kind="500", times=2, when="after")
    assert browser.get(f"{running.base_url}/_control/faults").json()["result"][0]["times"] == 2
    assert [p["amount_refunded"] for p in browser.get(f"{running.base_url}/_control/payments").json()["result"]] == [100]
    assert call("deliver-due") == 8
    for name, arguments in (("pay", {}), ("pay", {"session_id": "cs_none"}), ("drop", [1]), ("fail", {"kind": "418"})):
        refusal = browser.post(f"{running.base_url}/_control/{name}", json=arguments)
        assert refusal.status_code == 400 and refusal.json()["error"]
    assert browser.get(f"{running.base_url}/_control/reset").status_code == 405
    call("reset")
    assert running.control.sessions() == []


def start_process(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "app.simulator", *arguments]
    kept = {**os.environ, "STRIPE_SECRET_KEY": "sk_test_1", **environment}
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_serves_and_stops_cleanly(
    connect: Callable[..., stripe.StripeClient], order: Order, tmp_path: Path, ending: signal.Signals
) -> None:
    process = start_process("--port", "0", "--database", str(tmp_path / "demo.sqlite"))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Simulator at http://127.0.0.1:")
        session = connect(line.split()[2]).v1.checkout.sessions.create(order())
        assert session.url is not None and session.url.startswith(line.split()[2])
        process.send_signal(ending)
        out, problems = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, problems) == (0, "", "")


def test_as_a_process_it_refuses_a_live_key_and_a_webhook_without_a_secret() -> None:
    processes = {
        "live key": start_process("--port", "0", STRIPE_SECRET_KEY="sk_live_1"),
        "--webhook-secret": start_process("--webhook-url", "http://127.0.0.1:1/x"),
    }
    for word, process in processes.items():
        _, problems = process.communicate(timeout=20)
        assert process.returncode == 2 and word in problems


def test_it_imports_nothing_else_of_the_site() -> None:
    folder = Path(app.simulator.__file__).parent
    foreign = []
    for path in folder.rglob("*.py"):
        depth = len(path.relative_to(folder).parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                inside = 0 < node.level <= depth or not (node.level or (node.module or "").split(".")[0] == "app")
                foreign += [] if inside else [f"{path.name}: {node.module}"]
            elif isinstance(node, ast.Import):
                foreign += [f"{path.name}: {a.name}" for a in node.names if a.name.split(".")[0] in ("app", "stripe")]
    assert foreign == []
