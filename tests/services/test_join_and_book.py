"""Several prices in one booking, and a membership bought with a place: one payment, each part kept or refunded by itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import ClubSession, Membership, Order, OrderItem, OutgoingEmail, Payment, Refund, Registration, User
from app.rules.memberships import PlanNotOnSale
from app.rules.refusals import InvalidInput, NotYetOpen, PriceChanged, WaitlistNotAccepted
from app.services import cancelling, checkout, health_check, memberships, registrations
from app.services.registrations import Applicant
from app.transaction import transaction
from tests.support.booking import applicant, at_once, balances, begin, mails, order_of, taken, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_membership, make_plan, make_user
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

TODAY = date(2026, 3, 3)


def join(session: ClubSession, **changes: Any) -> str:
    """Somebody new asks for a place and the membership; the order's token."""
    plan = make_plan(price_cents=1500, student_price_cents=1200)
    return begin(session, **{"email": "ana@example.org", "expected_price_cents": 800, "join_plan": plan.slug, **changes})


def paid(stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()


def member(**changes: Any) -> User:
    person = make_user(**changes)
    make_membership(person)
    return person


def as_member(person: User, **changes: Any) -> Applicant:
    return applicant(**{"email": person.email, "user_id": person.id, "expected_price_cents": 800, **changes})


def test_place_and_membership_are_one_order_one_payment(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session = make_club_session(title="Badminton")
    token = join(session, places=2, expected_total_cents=3500)
    assert (count_of(User), count_of(Membership), taken(session)) == (0, 0, 2)
    paid(stripe_simulator)
    registration = the(Registration)
    assert (registration.status, registration.price_cents, registration.amount_paid_cents) == ("registered", 2000, 2000)
    assert (order_of(token).total_cents, the(Payment).captured_cents, the(Membership).starts_on) == (3500, 3500, TODAY)
    assert (balances()["revenue:registration"], balances()["revenue:membership"]) == (-2000, -1500)
    [mail] = all_of(OutgoingEmail)
    assert (mail.template, mail.context) == ("confirmation", {}) and "Badminton" in (mail.subject or ""), "its link is wiped"
    assert health_check.findings() == []


def test_lines_of_one_item_add_up_and_are_kept_for_the_next_attempt(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    session, person = make_club_session(title="Badminton"), member()
    token = begin(session, email=person.email, user_id=person.id, expected_price_cents=800, places=3)
    item = the(OrderItem)
    assert (item.unit_amount_cents, item.quantity) == (3200, 1)
    assert [(x["unit_amount_cents"], x["quantity"], x["reason"], x["saved_cents"]) for x in item.lines or []] == [
        (800, 1, "member", 400), (1200, 2, "non_member", 0),
    ]  # fmt: skip
    stripe_simulator.control.expire(stripe_simulator.checkout()["id"])
    stripe_simulator.deliver()
    checkout.pay(token)
    first, second = all_of(Payment)
    assert first.params["line_items"] == second.params["line_items"] and second.amount_cents == 3200


@pytest.mark.databases("sqlite")
def test_plain_booking_keeps_no_lines(app: Flask, stripe_simulator: StripeSimulator) -> None:
    begin(make_club_session(), places=2)
    item = the(OrderItem)
    assert (item.unit_amount_cents, item.quantity, item.lines) == (1200, 2, None)


def test_place_gone_meanwhile_is_refunded_and_the_membership_is_kept(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    session = make_club_session(capacity=1, title="Badminton")
    token = join(session)
    stripe_simulator.pay()
    with transaction() as db:  # the hold ended, somebody else has the place, and the money comes after all
        db.query(Registration).update({"status": "expired"})
        db.query(Order).update({"status": "expired", "hold_expires_at": None})
    stripe_simulator.deliver()
    work()
    assert (the(Registration).status, order_of(token).status, the(Membership).starts_on) == ("expired", "paid", TODAY)
    assert (the(Refund).amount_cents, the(Refund).status) == (800, "succeeded")
    mail = the(OutgoingEmail)
    assert mail.template == "membership_started" and balances()["revenue:membership"] == -1500


def test_membership_had_meanwhile_is_refunded_and_the_place_is_kept(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session = make_club_session(title="Badminton")
    token = join(session)
    had = make_membership(make_user(email="ana@example.org"))
    paid(stripe_simulator)
    assert (the(Registration).status, order_of(token).status) == ("registered", "paid")
    assert [m.id for m in all_of(Membership)] == [had.id] and the(Refund).amount_cents == 1500
    [mail] = all_of(OutgoingEmail)
    assert mail.template == "confirmation" and "Annual membership could not be had any more" in (mail.text_body or "")
    assert "NZ$15.00" in (mail.text_body or "")


@pytest.mark.databases("sqlite")
def test_session_cancelled_meanwhile_lets_go_of_the_place_and_keeps_the_membership(
    app: Flask, stripe_simulator: StripeSimulator
) -> None:
    session = make_club_session()
    join(session)
    stripe_simulator.pay()
    with transaction() as db:
        db.query(ClubSession).update({"status": "cancelled"})
    stripe_simulator.deliver()
    work()
    assert (the(Registration).status, taken(session), count_of(Membership)) == ("cancelled", 0, 1)
    assert the(Refund).amount_cents == 800 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_free_for_members_pays_for_the_membership_alone(app: Flask, stripe_simulator: StripeSimulator) -> None:
    join(make_club_session(member_price_cents=0), expected_price_cents=0)
    paid(stripe_simulator)
    registration = the(Registration)
    assert (registration.status, registration.payment_status, the(Payment).captured_cents) == ("registered", "free", 1500)


@pytest.mark.databases("sqlite")
def test_free_membership_and_free_place_begin_at_once(app: Flask) -> None:
    plan, person, session = make_plan(price_cents=0), make_user(), make_club_session(member_price_cents=0)
    begin(session, email=person.email, user_id=person.id, expected_price_cents=0, join_plan=plan.slug)
    assert (the(Registration).status, the(Order).status, the(Membership).user_id) == ("registered", "paid", person.id)
    assert mails() == ["confirmation"]


@pytest.mark.databases("sqlite")
def test_cancelling_the_place_does_not_end_the_membership(app: Flask, stripe_simulator: StripeSimulator) -> None:
    token = join(make_club_session())
    paid(stripe_simulator)
    assert cancelling.cancel_order(token) == 800
    work()
    assert (the(Registration).status, the(Refund).amount_cents, the(Membership).revoked_at) == ("cancelled", 800, None)


@pytest.mark.databases("sqlite")
def test_refund_of_the_membership_says_nothing_of_the_place(app: Flask, stripe_simulator: StripeSimulator) -> None:
    join(make_club_session(title="Badminton"))
    paid(stripe_simulator)
    assert memberships.refund(the(Membership).id, "moved away", "user:1") == 1500
    work()
    assert the(Registration).status == "registered"
    subject = the(OutgoingEmail, template="membership_refunded").subject or ""
    assert subject == "Your money is on its way back: Annual membership"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"join_plan": "no-such-plan"}, PlanNotOnSale),
        ({"expected_price_cents": 1200}, PriceChanged),
        ({"expected_total_cents": 2299}, PriceChanged),
    ],
)
def test_joining_asks_again_when_something_is_not_as_shown(
    app: Flask, changes: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        join(make_club_session(), **changes)
    assert (count_of(Order), taken(the(ClubSession))) == (0, 0)


@pytest.mark.databases("sqlite")
def test_joining_for_a_place_that_has_gone_is_not_waiting(app: Flask) -> None:
    with pytest.raises(WaitlistNotAccepted):
        join(make_club_session(capacity=0, waitlist_capacity=5), accept_waitlist=True)
    assert the(ClubSession).waitlist_taken == 0


@pytest.mark.databases("sqlite")
def test_plan_in_another_currency_cannot_be_in_the_same_order(app: Flask) -> None:
    plan = make_plan(currency="AUD")
    with pytest.raises(PlanNotOnSale):
        registrations.register(make_club_session().slug, applicant(expected_price_cents=800, join_plan=plan.slug))


@pytest.mark.databases("sqlite")
def test_membership_is_for_the_own_address_and_so_is_its_price(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session, person, joining = make_club_session(), member(), make_user()
    with pytest.raises(PriceChanged):
        registrations.register(session.slug, as_member(person, email="friend@example.org"))
    with pytest.raises(PriceChanged):
        registrations.register(session.slug, as_member(person, user_id=None))
    with pytest.raises(InvalidInput):
        plan = make_plan()
        registrations.register(session.slug, as_member(joining, email="friend@example.org", join_plan=plan.slug))
    registrations.register(session.slug, as_member(person))


@pytest.mark.databases("sqlite")
def test_member_price_is_had_once_though_the_address_changes(app: Flask) -> None:
    session, person = make_club_session(), member()
    registrations.register(session.slug, as_member(person))
    with transaction() as db:
        db.query(User).filter_by(id=person.id).update({"email": "new@example.org"})
    with pytest.raises(InvalidInput):
        registrations.register(session.slug, as_member(person, email="new@example.org"))
    assert count_of(Registration) == 1


def test_ten_tries_at_once_with_one_membership_for_two_places(app: Flask) -> None:
    """The rule: one booking under the member's address, its first place at member price, the other at the guests'."""
    session, person = make_club_session(capacity=30), member()
    tries = [
        lambda n=n: registrations.register(session.slug, as_member(person, places=2, attempt=f"try-{n}")) for n in range(10)
    ]
    results = at_once(app, *tries)
    assert [type(result).__name__ for result in results] == ["Entered"] * 10, results
    assert (the(Registration).price_cents, the(Payment).amount_cents, taken(session)) == (2000, 2000, 2)
    assert [line["quantity"] for line in the(OrderItem).lines or []] == [1, 1]


@pytest.mark.databases("sqlite")
def test_member_until_midnight_in_the_clubs_zone(app: Flask, clock: FakeClock) -> None:
    person = make_user()
    make_membership(person, ends_on=TODAY)
    clock.advance(hours=13, minutes=59)  # 11:59 pm in Auckland, 3 March
    registrations.register(make_club_session().slug, as_member(person))
    clock.advance(minutes=1)
    with pytest.raises(PriceChanged):
        registrations.register(make_club_session().slug, as_member(person))


@pytest.mark.databases("sqlite")
def test_price_stays_as_it_was_when_the_place_was_held(app: Flask, stripe_simulator: StripeSimulator) -> None:
    session, person = make_club_session(), member()
    token = begin(session, email=person.email, user_id=person.id, expected_price_cents=800)
    memberships.revoke(the(Membership).id, "left", "user:9")
    paid(stripe_simulator)
    assert (the(Registration).status, order_of(token).total_cents) == ("registered", 800)


@pytest.mark.databases("sqlite")
def test_members_first_and_the_early_price_at_the_moment_of_the_hold(app: Flask, clock: FakeClock) -> None:
    session = make_club_session(
        members_open_at=clock.now, opens_at=clock.now + timedelta(days=1),
        early_price_until=clock.now + timedelta(hours=1), early_member_price_cents=500,
    )  # fmt: skip
    with pytest.raises(PriceChanged):
        registrations.register(session.slug, as_member(member()))
    registrations.register(session.slug, as_member(member(), expected_price_cents=500))
    clock.advance(hours=1)
    registrations.register(session.slug, as_member(member()))
    with pytest.raises(NotYetOpen):
        registrations.register(session.slug, applicant())
