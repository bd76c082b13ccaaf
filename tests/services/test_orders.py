"""Coming back to an open order (issue 2 part 7): the same Checkout for the same person, never two that can be paid.

A stranger who only knows the address learns nothing. Double clicks and two tabs are raced by threads on both databases.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app.integrations import gateway
from app.models import Order, Payment, Registration
from app.rules.refusals import AlreadyRegistered, OrderNotOpen, StripeAway
from app.services import checkout, ending, registrations
from tests.support.booking import applicant, at_once, begin, do_not_pause, mails, payments_of, states, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.rows import count_of, the
from tests.support.settings import SITE_URL


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    do_not_pause(monkeypatch)


def creations(simulator: Any) -> list[dict[str, Any]]:
    return [call for call in simulator.control.calls() if call["operation"] == "checkout.create"]


# --- Coming back -------------------------------------------------------------------------------------------------------------


def test_coming_back_leads_to_the_same_checkout(app: Flask, stripe_simulator: Any) -> None:
    club_session, person = make_club_session(), applicant()
    first = checkout.begin_registration(club_session.slug, person)
    again = checkout.begin_registration(club_session.slug, applicant(email=person.email, known_orders=(first.order_token,)))
    assert again == first and checkout.pay(first.order_token) == first
    assert len(creations(stripe_simulator)) == 1 and count_of(Order) == 1


def test_stranger_is_told_to_look_into_the_mail(app: Flask, stripe_simulator: Any) -> None:
    club_session, person = make_club_session(), applicant()
    checkout.begin_registration(club_session.slug, person)
    with pytest.raises(AlreadyRegistered) as refused:
        begin(club_session, email=person.email)
    assert refused.value.params == {} and mails() == ["booking_link"] and len(creations(stripe_simulator)) == 1


def test_coming_back_after_everything_is_settled_leads_to_the_order(app: Flask, stripe_simulator: Any) -> None:
    club_session, person = make_club_session(), applicant()
    token = checkout.begin_registration(club_session.slug, person).order_token
    stripe_simulator.pay()
    stripe_simulator.deliver()
    again = checkout.begin_registration(club_session.slug, person)
    assert again == checkout.Destination(f"{SITE_URL}/orders/{token}", token)


def test_next_attempt_is_a_new_key_only_when_the_one_before_can_no_longer_be_paid(app: Flask, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    assert states(token) == ("pending", "held", ["expired"]), "the hold goes on although its Checkout ended"
    destination = checkout.pay(token)
    one, two = payments_of(token)
    assert destination.url == two.checkout_url and one.idempotency_key != two.idempotency_key
    assert {**one.params, "expires_at": 0} == {**two.params, "expires_at": 0}
    assert [session["status"] for session in stripe_simulator.control.sessions()] == ["expired", "open"]


def test_pay_now_with_stripe_away_says_so_and_keeps_the_place(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    token = begin(club_session)
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    stripe_simulator.control.fail("checkout.create", kind="500", times=2, stored=False)
    with pytest.raises(StripeAway):
        checkout.pay(token)
    assert states(token) == ("pending", "held", ["expired", "created"]) and taken(club_session) == 1
    assert checkout.pay(token).url == stripe_simulator.checkout()["url"]
    assert len({call["idempotency_key"] for call in creations(stripe_simulator)}) == 2


@pytest.mark.parametrize("minutes", [30, 36])
def test_order_that_is_over_cannot_be_paid(app: Flask, stripe_simulator: Any, clock: FakeClock, minutes: int) -> None:
    token = begin(make_club_session())
    clock.advance(minutes=minutes)
    work()
    with pytest.raises(OrderNotOpen):
        checkout.pay(token)
    assert len(creations(stripe_simulator)) == 1


def test_order_that_ends_while_stripe_answers_leaves_no_checkout_to_pay(
    app: Flask, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    club_session = make_club_session()
    real = gateway().create_checkout

    def slow(params: Any, key: str) -> Any:
        made = real(params, key)
        monkeypatch.setattr(gateway(), "create_checkout", real)
        ending.give_up(the(Order).token)
        return made

    monkeypatch.setattr(gateway(), "create_checkout", slow)
    with pytest.raises(OrderNotOpen):
        begin(club_session)
    assert [session["status"] for session in stripe_simulator.control.sessions()] == ["expired"]
    assert states(the(Order).token) == ("cancelled", "cancelled", ["expired"]) and taken(club_session) == 0


# --- At once -----------------------------------------------------------------------------------------------------------------


def test_double_click_makes_one_order_and_one_checkout(app: Flask, stripe_simulator: Any) -> None:
    club_session, form = make_club_session(), applicant()
    answers = at_once(app, *[lambda: checkout.begin_registration(club_session.slug, form)] * 4)
    assert len(set(answers)) == 1, answers
    assert answers[0].url == stripe_simulator.checkout()["url"]
    assert (count_of(Order), count_of(Payment), taken(club_session), len(stripe_simulator.control.sessions())) == (1, 1, 1, 1)


def test_two_tabs_with_one_address_make_one_booking(app: Flask, stripe_simulator: Any) -> None:
    club_session, email = make_club_session(), "ana@example.org"
    answers = at_once(app, *[lambda n=n: begin(club_session, email=email, attempt=f"tab-{n}") for n in range(4)])
    refused = [answer for answer in answers if isinstance(answer, AlreadyRegistered)]
    assert (len(refused), count_of(Registration), taken(club_session)) == (3, 1, 1), answers
    assert len(stripe_simulator.control.sessions()) == 1


def test_one_order_paid_for_from_two_tabs_gets_one_checkout(app: Flask, stripe_simulator: Any) -> None:
    club_session = make_club_session()
    entered = registrations.register(club_session.slug, applicant())
    answers = at_once(app, *[lambda: checkout.pay(entered.order_token)] * 3)
    assert len(set(answers)) == 1, answers
    assert len(stripe_simulator.control.sessions()) == 1 and states(entered.order_token) == ("pending", "held", ["open"])
