"""Buying a membership in each of the ways there are, renewing it, and what staff do to it; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Membership, Order, OutgoingEmail, Payment, Refund, User
from app.rules.memberships import AlreadyMember, PlanNotOnSale
from app.rules.refusals import InvalidInput, PriceChanged
from app.rules.statuses import OrderStatus
from app.services import checkout, membership_plans, memberships
from app.services.membership_plans import PlanFields
from app.services.memberships import Joiner
from tests.support.booking import at_once, balances, begin, mails, order_of, states, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_membership, make_plan, make_user
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

TODAY = date(2026, 3, 3)


@pytest.fixture
def settings(settings: Any) -> Any:
    """University addresses are students'."""
    return settings.with_(student_domains=("uni.example",))


def joiner(user: User | None = None, **changes: Any) -> Joiner:
    values: dict[str, Any] = {
        "name": user.name if user else "Ana Lee",
        "email": user.email if user else "ana@example.org",
        "expected_price_cents": 6000,
        "attempt": f"attempt-{count_of(Order)}",
        "user_id": user.id if user else None,
        **changes,
    }
    return Joiner(**values)


def bought(stripe_simulator: StripeSimulator, plan_slug: str, *args: Any, **changes: Any) -> str:
    """A membership ordered and paid; the order's token."""
    token = checkout.begin_membership(plan_slug, joiner(*args, **changes)).order_token
    stripe_simulator.pay()
    stripe_simulator.deliver()
    return token


def span(membership: Membership) -> tuple[date, date]:
    return membership.starts_on, membership.ends_on


def test_signed_in_person_buys_a_membership(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    token = checkout.begin_membership(plan.slug, joiner(person)).order_token
    assert (count_of(Membership), order_of(token).status) == (0, OrderStatus.PENDING)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    made = the(Membership)
    assert (made.user_id, made.plan_id, *span(made)) == (person.id, plan.id, TODAY, date(2027, 3, 2))
    assert order_of(token).status is OrderStatus.PAID
    assert balances()["revenue:membership"] == -6000
    assert mails() == ["membership_started"]
    assert the(OutgoingEmail).context["items"][0]["password_url"] is None


def test_new_person_gets_an_account_when_the_payment_succeeds(app: Flask, stripe_simulator: StripeSimulator) -> None:
    checkout.begin_membership(make_plan().slug, joiner())
    assert count_of(User) == 0
    stripe_simulator.pay()
    stripe_simulator.deliver()
    person = the(User)
    assert (person.email, person.name) == ("ana@example.org", "Ana Lee")
    assert (person.password_hash, person.email_verified_at) == (None, None)
    assert the(Membership).user_id == person.id
    link = the(OutgoingEmail).context["items"][0]["password_url"]
    assert link.startswith("http://muster.test/account/")
    work()
    sent = the(OutgoingEmail)
    assert sent.sent_at is not None and link not in f"{sent.context} {sent.text_body} {sent.html_body}", "it is in the mailbox"


def test_nothing_half_made_is_left_when_the_payment_does_not_come(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    token = checkout.begin_membership(make_plan().slug, joiner()).order_token
    clock.advance(minutes=40)
    work()
    assert order_of(token).status is OrderStatus.EXPIRED
    assert (count_of(User), count_of(Membership), mails()) == (0, 0, [])


@pytest.mark.databases("sqlite")
def test_second_press_goes_on_with_the_same_order(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    first = checkout.begin_membership(plan.slug, joiner(person))
    assert checkout.begin_membership(plan.slug, joiner(person)) == first
    stranger = checkout.begin_membership(plan.slug, joiner())
    assert checkout.begin_membership(plan.slug, joiner(known_orders=(stranger.order_token,))) == stranger
    assert count_of(Order) == 2


def test_price_that_fell_since_is_the_one_that_is_charged(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    dear = checkout.begin_membership(plan.slug, joiner(person)).order_token
    membership_plans.edit_plan(plan.slug, PlanFields("Annual membership", 5000, "NZD", length_months=12), "user:1")
    cheap = checkout.begin_membership(plan.slug, joiner(person, expected_price_cents=5000)).order_token
    assert (order_of(dear).status, order_of(cheap).total_cents) == (OrderStatus.CANCELLED, 5000)


def test_renewal_begins_where_the_current_one_ends(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    make_membership(person, ends_on=TODAY + timedelta(days=20))
    bought(stripe_simulator, plan.slug, person)
    assert span(all_of(Membership)[-1]) == (date(2026, 3, 24), date(2027, 3, 23))


def test_same_span_twice_is_refused_with_the_date_it_runs_to(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    bought(stripe_simulator, plan.slug, person)
    with pytest.raises(AlreadyMember) as refused:
        checkout.begin_membership(plan.slug, joiner(person))
    assert (refused.value.runs_to, count_of(Order)) == (date(2027, 3, 2), 1)


def test_two_orders_paid_for_one_span_make_one_and_give_the_other_back(app: Flask, stripe_simulator: StripeSimulator) -> None:
    """A phone and a laptop, nobody signed in: neither order knows of the other until it is paid."""
    plan = make_plan()
    for attempt in ("phone", "laptop"):
        checkout.begin_membership(plan.slug, joiner(attempt=attempt))
        stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    assert (count_of(User), count_of(Membership)) == (1, 1)
    assert sorted(order.status.value for order in all_of(Order)) == ["cancelled", "paid"]
    assert the(Refund).amount_cents == 6000 and sorted(mails()) == ["membership_refunded", "membership_started"]


def test_ten_at_once_for_one_person_make_one_membership(app: Flask) -> None:
    plan, person = make_plan(price_cents=0), make_user()
    buy = [lambda n=n: memberships.order(plan.slug, joiner(person, attempt=f"a{n}", expected_price_cents=0)) for n in range(10)]
    results = at_once(app, *buy)
    assert [type(result).__name__ for result in results].count("Entered") == 1
    assert {type(result).__name__ for result in results} == {"Entered", "AlreadyMember"} and count_of(Membership) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("who", "cents"),
    [
        ({"email": "a@uni.example"}, 4000),
        ({"email": "a@cs.uni.example"}, 4000),
        ({"email": "a@uni.example.org"}, 6000),
        ({"user": {"email": "a@uni.example"}}, 4000),
        ({"user": {"email": "a@uni.example", "email_verified_at": None}}, 6000),
        ({"user": {"is_student": True}}, 4000),
        ({"user": {}}, 6000),
    ],
)
def test_student_price_needs_a_students_address_or_approval(
    app: Flask, stripe_simulator: StripeSimulator, who: dict[str, Any], cents: int
) -> None:
    plan, person = make_plan(), make_user(**who["user"]) if "user" in who else None
    changes = {} if person else {"email": who["email"]}
    with pytest.raises(PriceChanged):
        checkout.begin_membership(plan.slug, joiner(person, **changes, expected_price_cents=10_000 - cents))
    checkout.begin_membership(plan.slug, joiner(person, **changes, expected_price_cents=cents))
    assert the(Payment).amount_cents == cents


@pytest.mark.databases("sqlite")
def test_plan_off_sale_cannot_be_had(app: Flask, clock: FakeClock) -> None:
    for changes in ({"on_sale_from": clock.now + timedelta(seconds=1)}, {"on_sale_until": clock.now}):
        with pytest.raises(PlanNotOnSale):
            memberships.order(make_plan(**changes).slug, joiner())
    with pytest.raises(PlanNotOnSale):
        memberships.order("no-such-plan", joiner())
    with pytest.raises(InvalidInput):
        memberships.order(make_plan(price_cents=0).slug, joiner(expected_price_cents=0))


@pytest.mark.databases("sqlite")
def test_refunded_membership_ends_and_bookings_at_member_price_stay(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person, session = make_plan(), make_user(), make_club_session()
    bought(stripe_simulator, plan.slug, person)
    booking = begin(session, email=person.email, user_id=person.id, expected_price_cents=800)
    stripe_simulator.pay()
    stripe_simulator.deliver()
    assert memberships.refund(the(Membership).id, "moved away", "user:1") == 6000
    work()
    assert the(Membership).revoked_at is not None and the(Refund).status == "succeeded"
    assert states(booking) == ("paid", "registered", ["succeeded"])
    assert balances().get("revenue:membership") is None and mails()[-1] == "membership_refunded"


@pytest.mark.databases("sqlite")
def test_refund_made_at_stripe_ends_it_too(app: Flask, stripe_simulator: StripeSimulator) -> None:
    bought(stripe_simulator, make_plan().slug, make_user())
    stripe_simulator.control.refund(the(Payment).payment_intent_id or "")
    stripe_simulator.deliver()
    assert the(Membership).revoked_at is not None


@pytest.mark.databases("sqlite")
def test_staff_grant_extend_and_revoke_with_a_reason_on_the_record(app: Flask) -> None:
    person = make_user()
    given = memberships.grant(person.email, TODAY + timedelta(days=10), "won the raffle", "user:9")
    again = memberships.grant(person.email, TODAY + timedelta(days=20), "again", "user:9")
    assert [span(m) for m in all_of(Membership)] == [
        (TODAY, TODAY + timedelta(days=10)), (TODAY + timedelta(days=11), TODAY + timedelta(days=20)),
    ]  # fmt: skip
    memberships.extend(again, TODAY + timedelta(days=40), "typed wrong", "user:9")
    memberships.revoke(given, "left", "user:9")
    assert the(Membership, id=again).ends_on == TODAY + timedelta(days=40)
    assert the(Membership, id=given).revoked_at is not None
    record = [(e.action, e.actor, e.detail["reason"]) for e in all_of(AuditEntry) if e.subject_kind == "membership"]
    assert record == [
        ("membership_started", "user:9", "won the raffle"), ("membership_started", "user:9", "again"),
        ("membership_extended", "user:9", "typed wrong"), ("membership_ended", "user:9", "left"),
    ]  # fmt: skip


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "act",
    [
        lambda person, own: memberships.grant("nobody@example.org", TODAY, "why", "user:9"),
        lambda person, own: memberships.grant(person.email, TODAY, "why", "user:9"),
        lambda person, own: memberships.grant(person.email, TODAY + timedelta(days=900), " ", "user:9"),
        lambda person, own: memberships.extend(own.id, own.starts_on - timedelta(days=1), "why", "user:9"),
        lambda person, own: memberships.extend(own.id + 1, TODAY, "why", "user:9"),
        lambda person, own: memberships.revoke(own.id, "", "user:9"),
        lambda person, own: memberships.refund(own.id, "it was given", "user:9"),
    ],
    ids=["nobody", "adds nothing", "no reason", "ends before it begins", "unknown", "revoked without reason", "never paid"],
)
def test_staff_are_told_what_cannot_be(app: Flask, act: Callable[[User, Membership], Any]) -> None:
    person = make_user()
    own = make_membership(person)
    with pytest.raises(InvalidInput):
        act(person, own)
    assert [(m.id, *span(m), m.revoked_at) for m in all_of(Membership)] == [(own.id, *span(own), None)]


@pytest.mark.databases("sqlite")
def test_span_is_not_lengthened_into_the_next(app: Flask) -> None:
    person = make_user()
    own = make_membership(person, ends_on=TODAY + timedelta(days=25))
    make_membership(person, starts_on=TODAY + timedelta(days=26), ends_on=TODAY + timedelta(days=390))
    with pytest.raises(InvalidInput):
        memberships.extend(own.id, TODAY + timedelta(days=26), "the hall was closed", "user:9")
    assert the(Membership, id=own.id).ends_on == TODAY + timedelta(days=25) and mails() == []
    memberships.extend(own.id, TODAY + timedelta(days=20), "typed wrong", "user:9")
    memberships.extend(own.id, TODAY + timedelta(days=25), "was right", "user:9")


@pytest.mark.databases("sqlite")
def test_reminders_go_30_and_7_days_before_the_end_once_each(app: Flask, clock: FakeClock) -> None:
    person, renewed = make_user(), make_user()
    make_membership(person, ends_on=TODAY + timedelta(days=31))
    make_membership(renewed, ends_on=TODAY + timedelta(days=31))
    make_membership(renewed, starts_on=TODAY + timedelta(days=32), ends_on=TODAY + timedelta(days=400))
    seen = []
    for day in range(40):
        work()
        seen += [day] * (count_of(OutgoingEmail) - len(seen))
        clock.advance(days=1)
    assert seen == [1, 24]
    assert {(m.template, m.to, m.context["ends_on"]) for m in all_of(OutgoingEmail)} == {
        ("membership_ending", person.email, "2026-04-03")
    }
    assert all(mail.sent_at and "3 April 2026" in (mail.text_body or "") for mail in all_of(OutgoingEmail))


@pytest.mark.databases("sqlite")
def test_plans_are_made_changed_and_retired_on_the_record(app: Flask, clock: FakeClock) -> None:
    fields = PlanFields(name="Semester One", price_cents=1500, currency="NZD", student_price_cents=1200, length_months=6)
    slug = membership_plans.create_plan(fields, "user:9")
    assert slug == "semester-one" and membership_plans.create_plan(fields, "user:9") == "semester-one-2"
    membership_plans.edit_plan(slug, PlanFields(name="Semester", price_cents=1600, currency="NZD", length_months=6), "user:9")
    membership_plans.retire_plan(slug, "user:9")
    with pytest.raises(PlanNotOnSale):
        memberships.order(slug, joiner(expected_price_cents=1600))
    assert [entry.action for entry in all_of(AuditEntry)] == ["plan_created", "plan_created", "plan_edited", "plan_retired"]
    assert all_of(AuditEntry)[2].detail["price_cents"] == [1500, 1600]
    for wrong in ({"price_cents": -1}, {"price_cents": 10}, {"length_months": None}, {"length_months": 0}, {"name": " "}):
        with pytest.raises(InvalidInput):
            membership_plans.create_plan(replace(fields, **wrong), "user:9")  # type: ignore[arg-type]
