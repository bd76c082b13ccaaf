"""A place and a course or file in one order: each is had or its own money goes back, the rest is kept, and one mail says both."""

from __future__ import annotations

import pytest
from flask import Flask

from app.extensions import db
from app.models import ClubSession, Membership, Order, OutgoingEmail, Payment, Refund, Registration
from app.queries.memberships import Standing
from app.services import baskets, ending, health_check, winding_up
from app.services.items import Buyer
from tests.crashes.dying import Death, Fate
from tests.services.test_baskets import joining, leave, places
from tests.support.booking import balances, order_of, pay_late, payments_of, taken
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_plan, make_user
from tests.support.parts import come
from tests.support.rows import all_of, count_of, the
from tests.support.shop import STAFF, begin_both, empty, has_access, make_course, make_file, pay_order, product, purchase_of
from tests.support.stripe import StripeSimulator


def text_of(template: str) -> str:
    return the(OutgoingEmail, template=template).text_body or ""


def test_mixed_order_loses_the_product_and_keeps_the_place_with_one_mail_for_both(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    session, slug = make_club_session(title="Badminton"), make_file(title="Warm-up card")
    token = begin_both(session, slug)
    empty(slug)
    pay_order(stripe_simulator, token)
    assert (order_of(token).status, the(Registration).status, has_access(token)) == ("paid", "registered", False)
    assert (the(Refund).amount_cents, the(Refund).order_item_id) == (1200, purchase_of(token).order_item_id)
    assert balances() == {"stripe:clearing": 1200, "revenue:registration": -1200}
    assert count_of(OutgoingEmail) == 1
    text = text_of("confirmation")
    assert "Your place is confirmed" in text and "Warm-up card could not be had any more" in text and "NZ$12.00" in text
    assert (taken(session), product(slug).stock_taken, health_check.findings()) == (1, 0, [])


def test_mixed_order_loses_the_place_and_keeps_the_product_with_one_mail_for_both(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    session, slug = make_club_session(title="Badminton", capacity=1), make_file(title="Warm-up card", stock=3)
    token = begin_both(session, slug)
    clock.advance(minutes=36)
    ending.end_order(order_of(token).id)
    assert (taken(session), product(slug).stock_taken) == (0, 0)
    pay_order(stripe_simulator, begin_both(session, make_file(), "ben@example.org"))
    pay_late(stripe_simulator, token)
    come(stripe_simulator)
    assert (order_of(token).status, has_access(token), taken(session)) == ("paid", True, 1)
    assert (the(Refund).amount_cents, product(slug).stock_taken) == (1200, 1)
    mine = [mail for mail in all_of(OutgoingEmail, order_id=order_of(token).id) if mail.template != "payment_failed"]
    assert [mail.template for mail in mine] == ["purchased"]
    text = mine[0].text_body or ""
    assert "Badminton could not be had any more" in text and f"/purchases/{purchase_of(token).token}" in text
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_session_of_a_mixed_order_is_cancelled_and_the_course_goes_on(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session, slug = make_club_session(), make_course()
    token = pay_order(stripe_simulator, begin_both(session, slug))
    winding_up.cancel_session(session.slug, STAFF, "The hall is closed.")
    come(stripe_simulator)
    assert (has_access(token), the(Refund).amount_cents, the(Registration).status) == (True, 1200, "cancelled")
    assert balances() == {"stripe:clearing": 4500, "revenue:product": -4500} and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_death_at_any_commit_leaves_all_of_it_or_none(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    """Ordered, paid, heard of and mailed, dying before and after each commit; what starts afterwards puts it right."""
    session, slug, fate = make_club_session(capacity=99), make_file(stock=99), Fate()
    with fate.over_commits():
        with fate.watching() as points:
            live(stripe_simulator, session, slug, "first@example.org")
        for number in range(len(points)):
            buyer = f"buyer{number}@example.org"
            with fate.watching(die_at=number):
                try:
                    live(stripe_simulator, session, slug, buyer)
                except Death:
                    db.session.remove()
            for seconds in (61, 45 * 60, 360):
                clock.advance(seconds=seconds)
                come(stripe_simulator)
            converged(stripe_simulator, buyer, f"{number} {points[number]}")
    assert len(points) >= 8 and health_check.findings() == []
    assert taken(session) == product(slug).stock_taken == len(all_of(Order, status="paid"))


def live(simulator: StripeSimulator, session: ClubSession, slug: str, buyer: str) -> None:
    token = begin_both(session, slug, buyer)
    simulator.pay(payments_of(token)[-1].checkout_id)
    come(simulator)


def converged(simulator: StripeSimulator, buyer: str, where: str) -> None:
    """Both had and paid for, or neither; the letter is sent once."""
    for order in all_of(Order, email=buyer):
        had = (the(Registration, order_id=order.id).status == "registered", has_access(order.token))
        assert had in ((True, True), (False, False)), where
        assert order.status == ("paid" if had[0] else "expired"), where
        captured = sum(payment.captured_cents for payment in all_of(Payment, order_id=order.id))
        assert captured == (2400 if had[0] else 0), where
        mine = all_of(OutgoingEmail, order_id=order.id)
        assert [mail.template for mail in mine if mail.template == "confirmation"] == ["confirmation"] * had[0], where
        assert all(mail.sent_at for mail in mine), where


@pytest.mark.databases("sqlite")
def test_free_membership_stays_when_part_of_what_was_paid_goes_back(app: Flask, stripe_simulator: StripeSimulator) -> None:
    person, token = make_user(), None
    buyer = Buyer(person.name, person.email, person.id, Standing(own_address=True))
    for wanted in (joining(make_plan(price_cents=0)), places(make_club_session()), places(make_club_session())):
        token = baskets.add(token, wanted, buyer)
    pay_order(stripe_simulator, leave(token or "", buyer))
    stripe_simulator.control.refund(the(Payment).payment_intent_id or "", 300)
    stripe_simulator.deliver()
    assert (the(Refund).order_item_id, the(Refund).amount_cents, the(Membership).revoked_at) == (None, 300, None)
