"""Few threads of a process are at a booking at once, first come, first served; nobody is kept who has waited for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app import few_at_once
from app.few_at_once import Few, step_out
from app.integrations.stripe_gateway import StripeGateway
from app.models import Order, Payment
from app.rules.statuses import PaymentStatus
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import count_of
from tests.support.waiting import wait_until
from tests.web.test_registration import check, confirm

PATIENCE = 20


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Few:
    """Places of this test's own; nobody's patience ends before the test does."""
    monkeypatch.setattr(few_at_once, "LONGEST_SECONDS", 10 * PATIENCE)
    mine = Few(2)
    monkeypatch.setattr(few_at_once, "_few", mine)
    return mine


def at_it(
    order: list[int], may_go: threading.Semaphore, number: int, inside: Callable[[], object] = lambda: None
) -> threading.Thread:
    """Somebody who is at it in a thread until they may go."""

    def run() -> None:
        with few_at_once.few_at_once():
            order.append(number)
            inside()
            may_go.acquire(timeout=PATIENCE)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def may_go() -> Iterator[threading.Semaphore]:
    semaphore = threading.Semaphore(0)
    yield semaphore
    semaphore.release(100)


def test_others_wait_in_the_order_they_came(few: Few, may_go: threading.Semaphore) -> None:
    order: list[int] = []
    threads = []
    for number in range(6):
        threads.append(at_it(order, may_go, number))
        wait_until(lambda: len(order) + len(few._waiting) == number + 1)  # noqa: B023 - called at once
    assert order == [0, 1]
    for so_many in range(3, 7):
        may_go.release()
        wait_until(lambda: len(order) == so_many)  # noqa: B023 - called at once
    may_go.release(2)
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4, 5] and few._free == 2 and not few._waiting


def test_who_steps_out_lets_the_next_in_and_leaves_once(few: Few, may_go: threading.Semaphore) -> None:
    order: list[int] = []
    threads = [at_it(order, may_go, number, step_out) for number in range(5)]
    wait_until(lambda: len(order) == 5)
    assert few._free == 2, "all five are still at what is slow"
    may_go.release(5)
    for thread in threads:
        thread.join(PATIENCE)
    assert few._free == 2


def test_an_error_gives_the_place_back(few: Few) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), few_at_once.few_at_once():
            raise ZeroDivisionError
    assert few._free == 2
    step_out()
    assert few._free == 2, "who is not in gives nothing back"


def test_who_has_waited_for_long_goes_on(few: Few, may_go: threading.Semaphore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long those ahead are held up: the database's locks are what keeps bookings apart."""
    order: list[int] = []
    held = [at_it(order, may_go, number) for number in range(2)]
    wait_until(lambda: len(order) == 2)
    monkeypatch.setattr(few_at_once, "LONGEST_SECONDS", 0.01)
    with few_at_once.few_at_once():
        assert few._free == 0
    assert few._free == 0 and not few._waiting, "it had no place, and gave none back"
    may_go.release(2)
    for thread in held:
        thread.join(PATIENCE)
    assert few._free == 2


@pytest.mark.databases("sqlite")
def test_checkouts_that_hang_at_stripe_keep_nobody_out(
    app: Flask, stripe_simulator: Any, may_go: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, asked = [], StripeGateway.create_checkout

    def hangs(gateway: StripeGateway, *args: Any) -> Any:
        def call() -> None:
            hanging.append(1)
            may_go.acquire(timeout=10 * PATIENCE)

        gateway._call(call)
        return asked(gateway, *args)

    monkeypatch.setattr(StripeGateway, "create_checkout", hangs)
    paid, threads = make_club_session(), []
    for number in range(4):
        client = PageClient(app)
        check(client, paid, name="Ana", email=f"person{number}@example.org")
        threads.append(threading.Thread(target=confirm, args=(client,)))
        threads[-1].start()
    wait_until(lambda: len(hanging) == 4)
    free, other = make_free_club_session(), PageClient(app)
    check(other, free)
    assert confirm(other).status == 303
    may_go.release(4)
    for thread in threads:
        thread.join(PATIENCE)
    assert count_of(Order) == 5 and count_of(Payment, status=PaymentStatus.OPEN) == 4
