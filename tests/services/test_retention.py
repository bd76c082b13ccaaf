"""`flask purge` forgets people whom nobody needs to know any more; what the books need stays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.models import (
    AccountToken,
    AuditEntry,
    ClubSession,
    LedgerEntry,
    Order,
    OutgoingEmail,
    Payment,
    Registration,
    StripeEvent,
    User,
)
from app.queries import products
from app.queries.memberships import Standing
from app.rules.statuses import ItemKind
from app.services import accounts, baskets, checkout, health_check, reconciling, retention
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from app.transaction import transaction
from tests.support.booking import balances, begin, order_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session, make_plan, make_user
from tests.support.parts import booking, come, paid, pay
from tests.support.rows import all_of, count_of, the
from tests.support.shop import buy, make_course, pay_order, product, purchase_of

LONG = retention.KEEP + timedelta(days=8)


@pytest.fixture
def long_ago(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    """Somebody paid and came, more than two years ago."""
    begin(make_club_session(), name="Ana Lee", email="ana.lee@example.org")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    work()
    reconciling.reconcile()
    clock.advance(days=LONG.days)


def test_nothing_of_the_person_is_left_and_all_of_the_books(long_ago: None) -> None:
    before, entries = balances(), count_of(LedgerEntry)
    assert retention.purge() == 1
    for row in (the(Registration), the(Order)):
        assert "ana" not in row.email.lower() and row.name == "(forgotten)"
    assert the(Payment).params == {} and count_of(OutgoingEmail) == 0
    said = json.dumps([row.payload for row in all_of(StripeEvent)])
    assert "ana.lee" not in said.lower() and "Ana" not in said
    assert (balances(), count_of(LedgerEntry)) == (before, entries)
    assert (the(Payment).captured_cents, the(Registration).status) == (1200, "registered")
    assert health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_purging_again_changes_nothing(long_ago: None) -> None:
    retention.purge()
    assert retention.purge() == 0


@pytest.mark.databases("sqlite")
def test_recent_bookings_and_events_stay(app: Flask, stripe_simulator: Any, clock: FakeClock) -> None:
    begin(make_club_session(), name="Ana Lee", email="ana.lee@example.org")
    stripe_simulator.pay()
    stripe_simulator.deliver()
    clock.advance(days=60)
    assert retention.purge() == 0
    assert the(Registration).email == "ana.lee@example.org" and all(row.payload for row in all_of(StripeEvent))
    clock.advance(days=60)
    assert retention.purge() == 0
    assert the(Registration).email == "ana.lee@example.org" and not any(row.payload for row in all_of(StripeEvent))


@pytest.mark.databases("sqlite")
def test_repeated_event_is_still_known_when_its_words_are_forgotten(long_ago: None, stripe_simulator: Any) -> None:
    retention.purge()
    known = all_of(StripeEvent)
    for row in known:
        stripe_simulator.control.repeat(row.id)
    assert {status for _, status in stripe_simulator.deliver()} == {200}
    assert len(all_of(StripeEvent)) == len(known) and not any(row.payload for row in all_of(StripeEvent))


def test_who_only_asked_how_to_join_is_forgotten_too(app: Flask, clock: FakeClock) -> None:
    accounts.ask_to_join("ana.lee@example.org")
    work()
    retention.purge()
    assert (count_of(OutgoingEmail), count_of(AccountToken)) == (1, 1), "the link may still be used"
    clock.advance(days=LONG.days)
    accounts.ask_to_join("later@example.org")
    retention.purge()
    assert [mail.to for mail in all_of(OutgoingEmail)] == ["later@example.org"]
    assert [token.email for token in all_of(AccountToken)] == ["later@example.org"]


@pytest.mark.databases("sqlite")
def test_order_is_forgotten_with_its_last_booking(
    stripe_simulator: Any, app: Flask, clock: FakeClock
) -> None:
    early, late = make_club_session(), make_club_session()
    with transaction() as session:
        onward = {"starts_at": late.starts_at + timedelta(days=90), "ends_at": late.ends_at + timedelta(days=90)}
        session.execute(update(ClubSession).where(ClubSession.id == late.id).values(onward))
    token = paid(stripe_simulator, early, late, email="ana.lee@example.org")
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 1
    assert (order_of(token).name, booking(token, early).name, booking(token, late).name) == ("Ana Lee", "(forgotten)", "Ana Lee")
    clock.advance(days=90)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and count_of(OutgoingEmail) == 0
    assert the(Payment).params == {} and retention.purge() == 0 and health_check.findings() == []


@pytest.mark.databases("sqlite")
def test_order_without_a_booking_is_forgotten_long_after_what_it_bought(
    stripe_simulator: Any, app: Flask, clock: FakeClock
) -> None:
    plan, email = make_plan(price_cents=1500), "ana.lee@example.org"
    token = checkout.begin_membership(plan.slug, Joiner("Ana Lee", email, 1500, "joins")).order_token
    pay(stripe_simulator, token)
    come(stripe_simulator)
    clock.advance(days=retention.KEEP.days + 30)
    assert retention.purge() == 0 and order_of(token).name == "Ana Lee", "the membership ended less than two years ago"
    clock.advance(days=366)
    assert retention.purge() == 1
    order = order_of(token)
    assert order.name == "(forgotten)" and "ana" not in order.email and order.total_cents == 1500
    assert (the(Payment).params, count_of(OutgoingEmail), retention.purge()) == ({}, 0, 0)
    assert the(AuditEntry, action="forgotten").subject_kind == "order" and count_of(Order) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("with_place", [False, True], ids=["alone", "with-a-place"])
def test_course_stays_in_its_owners_account_and_behind_its_link(
    app: Flask, stripe_simulator: Any, clock: FakeClock, with_place: bool
) -> None:
    person, slug = make_user(email="ana.lee@example.org"), make_course("The grip")
    buyer, token = Buyer("Ana Lee", person.email, person.id, Standing(own_address=True)), None
    places = [Wanted(ItemKind.REGISTRATION, make_club_session().slug)] if with_place else []
    for wanted in (*places, Wanted(ItemKind.PRODUCT, slug)):
        token = baskets.add(token, wanted, buyer)
    assert token is not None
    total = baskets.view(token, buyer).total_cents
    mine = pay_order(stripe_simulator, checkout.begin_basket(token, buyer, total, "form-of-ana").order_token)
    guest = buy(stripe_simulator, slug, "guest@example.org")
    joined = buy(stripe_simulator, slug, make_user(email="later@example.org").email)
    clock.advance(days=LONG.days)
    assert retention.purge() == 3
    assert {(order.name, "invalid.example" in order.email) for order in all_of(Order)} == {("(forgotten)", True)}
    assert [one.title for one in products.owned(person.id, person.email)] == [product(slug).title]
    assert [order_of(each).user_id for each in (mine, guest)] == [person.id, None]
    assert order_of(joined).user_id == the(User, email="later@example.org").id, "the account that has proved the address since"
    opened = products.purchase(purchase_of(guest).token)
    assert opened is not None and [page.title for page in opened.pages] == ["The grip"]
    assert retention.purge() == 0 and health_check.findings() == []
