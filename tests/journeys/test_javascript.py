"""What JavaScript adds to pages that work without it. The browser's clock is the test's, so that nothing waits for real time."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.models import Order
from tests.journeys.walk import Walk
from tests.support.browser import TIMEOUT
from tests.support.clock import START, FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the

pytestmark = pytest.mark.browser
with_javascript = pytest.mark.parametrize("javascript", [True], indirect=True)


@pytest.fixture
def still(walk: Walk) -> Page:
    """The page, in whose browser time moves only when it is told to."""
    walk.page.clock.install(time=START - timedelta(hours=1))  # it runs until it is paused, and cannot be paused in the past
    walk.page.clock.pause_at(START)
    return walk.page


class Gate:
    """Before the app: a request that posts to ``path`` has arrived and is not let in until the gate opens."""

    def __init__(self, app: Flask, path: str) -> None:
        self.path = path
        self.came = 0
        self.arrived, self.open = threading.Semaphore(0), threading.Event()
        self._app = app.wsgi_app
        app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == self.path:
            self.came += 1
            self.arrived.release()
            self.open.wait(60)
        return self._app(environ, start_response)


def press_twice(walk: Walk, gate: Gate, words: str, *, await_both: bool = False) -> int:
    """Press again while the site still thinks about the first press; returns how often it was asked on the way to Stripe."""
    box = walk.button(words).bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    walk.page.mouse.click(*middle)
    assert gate.arrived.acquire(timeout=30)
    walk.page.mouse.click(*middle)
    if await_both:
        assert gate.arrived.acquire(timeout=30)
    gate.open.set()
    expect(walk.page).to_have_url(re.compile("/c/pay/"), timeout=TIMEOUT)
    return gate.came


@with_javascript
def test_form_is_sent_once_however_often_the_button_is_pressed(app: Flask, walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    assert press_twice(walk, Gate(app, f"/sessions/{session.slug}/register"), "Pay NZ$12.00") == 1
    assert walk.page.url == stripe.checkout()["url"]


def test_without_javascript_it_is_sent_twice_and_makes_one_order(app: Flask, walk: Walk, stripe: Any) -> None:
    """The twin. What the service does with both is raced in tests/concurrency/test_same_person.py."""
    session = make_club_session()
    walk.ask(session.slug)
    assert press_twice(walk, Gate(app, f"/sessions/{session.slug}/register"), "Pay NZ$12.00", await_both=True) == 2
    assert walk.page.url == stripe.checkout()["url"]
    assert count_of(Order) == 1


@with_javascript
def test_form_can_be_sent_again_after_going_back(walk: Walk, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    checkout = walk.page.url
    walk.open(f"/orders/{the(Order).token}")
    walk.press("Pay NZ$12.00")
    walk.page.go_back()
    assert walk.h1 == "Pay to keep your place"
    walk.press("Pay NZ$12.00")
    assert walk.page.url == checkout


@with_javascript
def test_hold_counts_down_and_the_page_is_asked_again_at_its_end(walk: Walk, still: Page, stripe: Any, clock: FakeClock) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    walk.open(f"/orders/{the(Order).token}")
    assert still.locator(".hold__left").inner_text() == "30:00 left"
    still.clock.run_for(61_000)
    assert still.locator(".hold__left").inner_text() == "28:59 left"
    walk.look("order page, to pay, counting down")
    clock.advance(minutes=30)
    with still.expect_navigation():
        still.clock.fast_forward("29:00")
    assert walk.h1 == "The time to pay is over"
    walk.look("order page, time over")


@with_javascript
def test_page_that_checks_shows_the_confirmation_after_the_webhook(walk: Walk, still: Page, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    order = the(Order)
    with still.expect_response(f"**/orders/{order.token}/status"):
        walk.open(f"/orders/{order.token}/success?session_id={stripe.checkout()['id']}")
    assert walk.h1 == "We are checking your payment"
    asked_once(still, order)
    stripe.pay()
    stripe.deliver()
    with still.expect_navigation():
        still.clock.run_for(2_500)
    assert (walk.h1, walk.path) == ("You are registered", f"/orders/{order.token}")


@with_javascript
def test_order_page_follows_a_payment_in_another_tab(walk: Walk, still: Page, stripe: Any) -> None:
    session = make_club_session()
    walk.ask(session.slug)
    walk.press("Pay NZ$12.00")
    order = the(Order)
    with still.expect_response(f"**/orders/{order.token}/status"):
        walk.open(f"/orders/{order.token}")
    asked_once(still, order)
    stripe.pay()
    stripe.deliver()
    with still.expect_navigation():
        still.clock.run_for(2_500)
    assert walk.h1 == "You are registered"


def asked_once(page: Page, order: Order) -> None:
    """Its first answer is taken in: one that was asked for after it has been."""
    page.evaluate("url => fetch(url, {cache: 'no-store'}).then(answer => answer.text())", f"/orders/{order.token}/status")


@with_javascript
def test_list_of_what_to_mend_is_read_first(walk: Walk) -> None:
    session = make_club_session()
    walk.open(f"/sessions/{session.slug}/register")
    walk.press("Continue")
    assert walk.page.evaluate("document.activeElement.className") == "govuk-error-summary"
    walk.look("form with errors, JavaScript on")
