"""What staff decide about money on its way: refunds paid back otherwise or made at Stripe for a part, and holds to end."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from app import jobs
from app.models import Case, Membership, OrderItem, Payment, Registration
from app.rules.statuses import PaymentState, Role, WaitlistPayment
from app.services import cancelling
from tests.support.booking import balances, begin, do_not_pause, taken
from tests.support.factories import make_club_session, make_plan
from tests.support.pages import PageClient
from tests.support.rows import the
from tests.web.desk import sign_in

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def signed_in(app: Flask, pages: PageClient) -> None:
    sign_in(pages, Role.STAFF)


def test_a_failed_refund_that_was_paid_from_the_bank_is_booked_and_closed(pages: PageClient, stripe_simulator: Any) -> None:
    token = begin(make_club_session())
    stripe_simulator.pay()
    stripe_simulator.deliver()
    stripe_simulator.control.dispute(stripe_simulator.checkout()["id"])  # Stripe refuses the refund
    cancelling.cancel_order(token)
    jobs.run_due()
    case = the(Case, kind="refund_failed").id
    page = pages.get(f"/admin/cases/{case}")
    assert "pay them from there or in cash, and say so here" in page.text
    pages.click("I have paid it back")
    page = pages.submit("paid-by-hand", button="Continue", reason="To their account")
    assert page.status == 422 and page.errors == ["Choose how it was paid back"]
    page = pages.submit("paid-by-hand", button="Continue", means="bank", reason="To their account")
    assert "NZ$12.00, by bank transfer" in page.text
    page = pages.submit("paid-by-hand")
    assert "NZ$12.00 is paid back" in page.text and "Paid out by hand: To their account" in page.text
    assert balances()["bank:account"] == -1200 and "owed:refunds" not in balances()
    assert the(Registration).payment_status is PaymentState.REFUNDED


def test_a_part_sent_back_at_stripe_is_assigned_to_a_line(pages: PageClient, stripe_simulator: Any) -> None:
    plan = make_plan(name="Full year", price_cents=1500)
    begin(make_club_session(title="Badminton"), expected_price_cents=800, join_plan=plan.slug)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    stripe_simulator.control.refund(the(Payment).payment_intent_id, 1500)
    stripe_simulator.deliver()
    page = pages.get(f"/admin/cases/{the(Case).id}")
    assert page.h1 == "A refund made at Stripe, for part of an order" and "NZ$15.00 of an order for several" in page.text
    pages.click("Say what it was for")
    assert pages.submit("attribute", button="Continue", reason="Asked Mere").status == 422
    line = the(OrderItem, kind="membership").id
    page = pages.submit("attribute", button="Continue", line=str(line), reason="Asked Mere")
    assert page.h1 == "Check before you assign it" and "Full year" in page.text
    page = pages.submit("attribute")
    assert "NZ$15.00 is booked as given back" in page.text and "Assigned: Asked Mere" in page.text
    assert the(Membership).revoked_at is not None and balances() == {"stripe:clearing": 800, "revenue:registration": -800}


# --- Holds -----------------------------------------------------------------------------------------------------------------


def test_a_hold_is_ended_from_the_desk(pages: PageClient, stripe_simulator: Any) -> None:
    session = make_club_session(title="Badminton")
    begin(session, name="Aroha Ngata")
    token = the(Registration).token
    pages.get(f"/admin/registrations/{token}")
    page = pages.click("End this hold")
    assert page.h1 == "End Aroha Ngata’s hold" and "comes free by itself then" in page.text
    assert pages.submit("/end-hold", button="Continue").status == 422
    page = pages.submit("/end-hold", button="Continue", reason="Wrong evening")
    assert page.h1 == "Check before you end Aroha Ngata’s hold" and "Wrong evening" in page.text
    page = pages.submit("/end-hold")
    assert "The hold of Aroha Ngata is ended." in page.text and "Hold ended by the committee" in page.text
    assert taken(session) == 0 and "End this hold" not in page.links
    assert pages.get(f"/admin/registrations/{token}/end-hold").path == f"/admin/registrations/{token}"


def test_a_hold_is_kept_while_stripe_cannot_be_reached(
    pages: PageClient, stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_not_pause(monkeypatch)
    session = make_club_session()
    begin(session)
    stripe_simulator.control.fail("*", "timeout", times=50, seconds=0)
    pages.get(f"/admin/registrations/{the(Registration).token}/end-hold")
    pages.submit("/end-hold", button="Continue", reason="Wrong evening")
    page = pages.submit("/end-hold")
    assert "Stripe cannot be reached right now" in page.text and "We go on trying" in page.text and taken(session) == 1


def test_a_spot_on_the_waitlist_that_is_paid_upfront_is_ended_as_a_hold_and_not_cancelled(
    pages: PageClient, stripe_simulator: Any
) -> None:
    session = make_club_session(capacity=1, waitlist_capacity=5, waitlist_payment=WaitlistPayment.UPFRONT)
    begin(session)
    begin(session, name="Aroha Ngata", accept_waitlist=True)
    page = pages.get(f"/admin/registrations/{the(Registration, name='Aroha Ngata').token}")
    assert "End this hold" in page.links and "Cancel this booking" not in page.links
    page = pages.click("End this hold")
    assert "The spot on the waitlist is kept until" in page.text
    page = pages.submit("/end-hold", button="Continue", reason="Wrong evening")
    assert "a spot on the waitlist" in page.text
    page = pages.submit("/end-hold")
    assert "It can no longer be paid, and what it kept is free." in page.text
    assert the(Registration, name="Aroha Ngata").status == "cancelled" and taken(session) == 1
