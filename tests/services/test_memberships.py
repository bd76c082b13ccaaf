"""Buying a membership in each of the ways there are, renewing it, and what staff do to it; on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, Membership, Order, OrderItem, OutgoingEmail, Payment, Refund, User
from app.models.memberships import MembershipPurchase
from app.rules.memberships import AlreadyMember, PlanNotOnSale
from app.rules.refusals import InvalidInput, PriceChanged
from app.rules.statuses import OrderStatus
from app.services import checkout, memberships
from app.services.memberships import Joiner
from tests.support.booking import at_once, balances, mails, order_of, payments_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_membership, make_plan, make_user
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

TODAY = date(2026, 3, 3)


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


def span(membership: Membership) -> tuple[date, date]:
    return membership.starts_on, membership.ends_on


def pay(stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.pay()
    stripe_simulator.deliver()


def test_signed_in_person_buys_a_membership(app: Flask, stripe_simulator: StripeSimulator) -> None:
    plan, person = make_plan(), make_user()
    there = checkout.begin_membership(plan.slug, joiner(person))
    assert there.url.startswith(stripe_simulator.base_url)
    assert (count_of(Membership), order_of(there.order_token).status) == (0, OrderStatus.PENDING)
    pay(stripe_simulator)
    made = the(Membership)
    assert (made.user_id, made.plan_id, *span(made)) == (person.id, plan.id, TODAY, date(2027, 3, 2))
    assert order_of(there.order_token).status is OrderStatus.PAID
    assert balances() == {"stripe_clearing": 6000, "revenue:membership": -6000} or balances()["revenue:membership"] == -6000
    assert mails() == ["membership_started"]


def test_new_person_gets_an_account_when_the_payment_succeeds(app: Flask, stripe_simulator: StripeSimulator) -> None:
    checkout.begin_membership(make_plan().slug, joiner())
    assert count_of(User) == 0
    pay(stripe_simulator)
    person = the(User)
    assert (person.email, person.name, person.password_hash, person.email_verified_at) == ("ana@example.org", "Ana Lee", None, None)
    assert the(Membership).user_id == person.id
    mail = the(OutgoingEmail)
    assert mail.context["items"][0]["membership"]["password_url"].startswith("http://muster.test/account/")


def test_nothing_half_made_is_left_when_the_payment_does_not_come(
    app: Flask, stripe_simulator: StripeSimulator, clock: FakeClock
) -> None:
    there = checkout.begin_membership(make_plan().slug, joiner())
    clock.advance(minutes=40)
    work()
    assert order_of(there.order_token).status is OrderStatus.EXPIRED
    assert (count_of(User), count_of(Membership), mails()) == (0, 0, [])
