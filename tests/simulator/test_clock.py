"""The simulator's own time: what expires by it, and that nothing else does.

Run by pytest.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

import app.simulator
from app.simulator import Control
from app.simulator.clock import Clock
from app.simulator.server import RunningSimulator
from tests.simulator.conftest import NOON, Mailbox


def test_a_session_expires_at_its_second_and_says_so_once(
    client: stripe.StripeClient, new_session: Any, control: Control, mailbox: Mailbox
) -> None:
    session = new_session(expires_at=NOON + 1800)
    control.advance(1799)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    control.advance(1)
    found = client.v1.checkout.sessions.retrieve(session.id)
    assert (found.status, found.payment_status, found.url) == ("expired", "unpaid", None)
    control.advance(3600)
    control.deliver_due()
    assert mailbox.types() == ["checkout.session.expired"]
    assert control.pay(session.id).outcome == "not_open"


def test_time_that_passes_by_itself_is_noticed_on_the_next_look(
    running: RunningSimulator, client: stripe.StripeClient, browser: requests.Session, new_session: Any
) -> None:
    looks = [
        lambda session: client.v1.checkout.sessions.retrieve(session.id).status,
        lambda session: client.v1.checkout.sessions.list().data[0].status,
        lambda session: running.control.sessions()[-1]["status"],
        lambda session: "expired" if "timed out" in browser.get(session.url).text else "open",
        lambda session: "expired" if running.control.pay(session.id).outcome == "not_open" else "open",
    ]
    for look in looks:
        session = new_session()
        running.simulator.core.clock.advance(24 * 3600)  # not through the control, which would let it expire itself
        assert look(session) == "expired"


def test_a_paid_session_does_not_expire(new_session: Any, control: Control, mailbox: Mailbox) -> None:
    control.pay(new_session().id)
    control.advance(48 * 3600)
    assert control.sessions()[0]["status"] == "complete"
    assert "checkout.session.expired" not in [e["type"] for e in control.events()]


def test_an_unfinished_payment_is_cancelled_with_its_session(new_session: Any, control: Control) -> None:
    control.pay(new_session().id, "4000000000000002")
    control.advance(24 * 3600)
    assert control.payments()[0]["status"] == "canceled"
    assert [e["type"] for e in control.events()][-2:] == ["payment_intent.canceled", "checkout.session.expired"]


def test_the_clock_freezes_moves_and_runs(start: Callable[..., RunningSimulator]) -> None:
    control = start(frozen_at=None).control
    assert abs(control.now() - time.time()) <= 2
    assert control.freeze(1000) == control.now() == 1000
    assert control.advance(5) == 1005
    assert control.set_clock(2000) == 2000
    assert control.run_clock() in (2000, 2001)
    assert 5000 <= control.set_clock(5000) <= control.now() <= 5002


def test_a_running_clock_runs() -> None:
    clock = Clock()
    clock.set(100)
    until = time.monotonic() + 3
    while clock.now() == 100 and time.monotonic() < until:
        time.sleep(0.02)
    assert clock.now() > 100


@pytest.mark.parametrize("word", ["time.time(", "datetime.now(", "utcnow(", "date.today("])
def test_only_the_clock_reads_the_machines_time(word: str) -> None:
    folder = Path(app.simulator.__file__).parent
    found = [path.name for path in folder.rglob("*.py") if word in path.read_text("utf-8")]
    assert found == (["clock.py"] if word == "time.time(" else [])
