"""Which way money would go back, as the order page and the desk say it beforehand, and that it goes back so (promise 11)."""

from __future__ import annotations

from typing import Any

import pytest

from app.models import Payment, Refund, Registration
from app.queries import desk_registration
from app.queries.ways_back import Back
from app.rules.statuses import RefundPolicy
from app.services import checkout, health_check, moving, staff_actions
from app.services.differences import Settlement, Settling
from tests.support.booking import begin, event, receive, work
from tests.support.factories import make_club_session
from tests.support.pages import PageClient
from tests.support.rows import all_of, the

pytestmark = pytest.mark.databases("sqlite")


def paid(simulator: Any) -> str:
    token = begin(make_club_session())
    simulator.pay()
    simulator.deliver()
    return token


def test_each_part_is_said_to_go_back_the_way_it_was_paid_and_does(pages: PageClient, stripe_simulator: Any) -> None:
    token = paid(stripe_simulator)
    mine = the(Registration)
    moving.change_places(mine.token, 2, Settlement(Settling.CASH, "More came", "m" * 20, 1200), "user:1")
    staff_actions.refund(mine.token, 500, "Sorry about the rain", "user:1", once="r" * 20)  # of the newest payment: the cash
    page = pages.get(f"/orders/{token}")
    said = "You get NZ$19.00 back: NZ$12.00 on the card you paid with, and NZ$7.00 by hand from the club"
    assert said in page.text and "NZ$5.00 is paid back by hand" in page.text
    staff = desk_registration.page(mine.token)
    assert staff is not None and staff.back(1900) == Back(card_cents=1200, hand_cents=700) == staff.back(9999)
    page = pages.submit("/cancel", button="Yes, cancel and refund NZ$19.00")
    back = [(r.amount_cents, the(Payment, id=r.payment_id).provider) for r in all_of(Refund)]
    assert back == [(500, "cash"), (700, "cash"), (1200, "stripe")]
    assert "NZ$12.00 goes back to the card" in page.text and "NZ$12.00 is paid back by hand" in page.text
    assert health_check.findings() == []


def test_what_was_given_back_already_is_not_promised_again(pages: PageClient, stripe_simulator: Any) -> None:
    token = paid(stripe_simulator)
    staff_actions.refund(the(Registration).token, 400, "Sorry", "user:1", once="r" * 20)
    assert "You get NZ$8.00 back on the card you paid with." in pages.get(f"/orders/{token}").text
    staff_actions.refund(the(Registration).token, 800, "Sorry", "user:1", once="s" * 20)
    work()
    page = pages.get(f"/orders/{token}")
    assert "too late" not in page.text


def test_place_that_stays_when_all_the_money_went_back_can_be_cancelled(pages: PageClient, stripe_simulator: Any) -> None:
    token = paid(stripe_simulator)
    staff_actions.refund(the(Registration).token, 1200, "Sorry about the rain", "user:1", once="r" * 20)
    work()
    page = pages.get(f"/orders/{token}")
    assert page.h1 == "You are registered" and "NZ$12.00 goes back to the card" in page.text
    assert "Your payment has arrived" not in page.text and "for a full refund" not in page.text
    page = pages.submit("/cancel", button="Yes, cancel my booking")
    assert page.h1 == "Refunded" and "You have no place in this session with this order." in page.text


def test_fee_is_said_to_be_kept_of_what_has_not_gone_back(pages: PageClient, stripe_simulator: Any) -> None:
    token = begin(make_club_session(refund_policy=RefundPolicy.FEE_KEPT, refund_fee_cents=500), places=2)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    mine = the(Registration).token
    moving.change_places(mine, 1, Settlement(Settling.REFUND, "One is ill", "m" * 20, -1200), "user:1")
    assert "You get NZ$7.00 back on the card you paid with." in pages.get(f"/orders/{token}").text
    pages.submit("/cancel", button="Yes, cancel and refund NZ$7.00")
    assert [r.amount_cents for r in all_of(Refund)] == [1200, 700]


def test_wrong_money_before_the_right_does_not_change_what_is_said(pages: PageClient, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    receive(event("checkout.session.completed", stripe_simulator.checkout() | {"amount_total": 1100}))
    checkout.pay(token)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert "You get NZ$12.00 back on the card you paid with." in pages.get(f"/orders/{token}").text
    pages.submit("/cancel", button="Yes, cancel and refund NZ$12.00")
    assert the(Refund).amount_cents == 1200
