"""One person at two places at once: the same form sent twice, two forms for one address, two presses of "Pay now".

One registration, one order, one Checkout come of it, and every one of the answers is an answer.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app.models import ClubSession, Order, OutgoingEmail, Payment, Registration
from app.services import checkout
from app.services.registrations import Outcome as Entry
from tests.concurrency.racing import all_is_well, applicant, buy, race, values
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, count_of, the

THREADS = 6
ROUNDS = 5


def test_same_form_sent_many_times_makes_one_order(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=10)
        entered = values(race(app, [buy(session.slug, 1) for _ in range(THREADS)]))
        assert sorted(one.outcome for one in entered) == [Entry.REGISTERED] + [Entry.RESUMED] * (THREADS - 1)
        assert len({one.order_token for one in entered}) == 1
        assert the(Registration, club_session_id=session.id).order_id is not None
        assert the(ClubSession, id=session.id).places_taken == 1
    assert count_of(Order) == ROUNDS
    all_is_well()


def test_same_form_sent_many_times_for_the_last_place_is_not_told_that_it_is_full(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=1)
        entered = values(race(app, [buy(session.slug, 1) for _ in range(THREADS)]))
        assert sorted(one.outcome for one in entered) == [Entry.REGISTERED] + [Entry.RESUMED] * (THREADS - 1)
    all_is_well()


def test_two_forms_of_one_address_make_one_registration(app: Flask) -> None:
    for _ in range(ROUNDS):
        session = make_free_club_session(capacity=10)
        forms = [buy(session.slug, n, email="twice@example.org") for n in range(THREADS)]
        entered = values(race(app, forms))
        assert sorted(one.outcome for one in entered) == [Entry.ALREADY_IN] * (THREADS - 1) + [Entry.REGISTERED]
        assert the(ClubSession, id=session.id).places_taken == 1
        order = the(Registration, club_session_id=session.id).order_id
        assert sorted(mail.template for mail in all_of(OutgoingEmail, order_id=order)) == ["booking_link", "confirmation"]
    all_is_well()


def test_button_pressed_twice_without_javascript_leads_to_one_checkout(app: Flask, stripe_simulator: Any) -> None:
    for _ in range(ROUNDS):
        session = make_club_session(capacity=10)
        browser = PageClient(app)
        browser.get(f"/sessions/{session.slug}/register")
        browser.submit(0, name="Ana", email="ana@example.org")
        form = browser.page.form(0) if browser.page else None
        assert form is not None
        before = len(stripe_simulator.control.sessions())

        def press(http: FlaskClient = browser.http, form: Any = form) -> tuple[int, str]:
            response = http.post(form.action, data=dict(form.filled({}, None)))
            return response.status_code, response.headers.get("Location", "")

        answers = values(race(app, [press] * THREADS))
        assert len(stripe_simulator.control.sessions()) == before + 1
        assert set(answers) == {(303, stripe_simulator.checkout()["url"])}
        assert the(Registration, club_session_id=session.id).places == 1
    all_is_well()


def test_pay_now_pressed_twice_after_an_attempt_has_ended_opens_one_checkout(app: Flask, stripe_simulator: Any) -> None:
    for _ in range(ROUNDS):
        session = make_club_session(capacity=1)
        first = checkout.begin_registration(session.slug, applicant(session.slug, 1, expected_price_cents=1200))
        stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
        stripe_simulator.deliver()
        before = len(stripe_simulator.control.sessions())
        urls = values(race(app, [lambda token=first.order_token: checkout.pay(token).url] * THREADS))
        assert set(urls) == {stripe_simulator.checkout()["url"]} != {first.url}
        assert len(stripe_simulator.control.sessions()) == before + 1
        order = the(Order, token=first.order_token)
        assert sorted(payment.status for payment in all_of(Payment, order_id=order.id)) == ["expired", "open"]
    all_is_well()
