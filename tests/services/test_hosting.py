"""A host's session is published by its paid fee, once, or put before the committee; what comes too late is refunded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from app.models import AuditEntry, ClubSession, Listing, ListingPurchase, Order, Payment, User
from app.queries import desk_sessions
from app.rules.refusals import CheckoutOfAnotherOrder, CheckoutUnknown, NotPaidYet, SessionNotFound
from app.rules.statuses import SessionStatus
from app.services import club_session_actions, ending, health_check, hosting, returning, reviewing
from app.services.club_session_actions import StartsInThePast
from app.services.club_session_fields import ClubSessionFields, FieldsRefused
from app.services.listing_item import ListedAlready
from app.transaction import transaction
from tests.support.booking import at_once, balances, begin, mails, order_of, pay_late, payments_of, work
from tests.support.clock import FakeClock
from tests.support.factories import make_club_session
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.rows import all_of, the
from tests.support.stripe import StripeSimulator

FEE = 1200


@pytest.fixture
def host(app: Flask, stripe_simulator: StripeSimulator) -> User:
    return make_host()


@pytest.fixture
def reviewed(app: Flask) -> None:
    """The committee looks at each listing first."""
    app.extensions["muster_settings"] = replace(app.extensions["muster_settings"], listing_review=True)


@pytest.fixture
def free(app: Flask) -> None:
    app.extensions["muster_settings"] = replace(app.extensions["muster_settings"], listing_fee_cents=0)


def pay(simulator: StripeSimulator, token: str) -> None:
    simulator.pay(payments_of(token)[-1].checkout_id or "")
    simulator.deliver()


def status(club_session: ClubSession) -> str:
    return the(ClubSession, id=club_session.id).status.value


def purchase(club_session: ClubSession) -> ListingPurchase:
    return the(ListingPurchase, club_session_id=club_session.id)


def test_paid_fee_publishes_the_session_and_is_on_its_record(host: User, stripe_simulator: StripeSimulator) -> None:
    draft = make_draft(host)
    token = begin_listing(host, draft)
    assert (status(draft), payments_of(token)[0].amount_cents) == ("draft", FEE)
    pay(stripe_simulator, token)
    paid, payment = purchase(draft), payments_of(token)[0]
    assert (status(draft), order_of(token).status) == ("published", "paid")
    assert (paid.payment_intent_id, paid.amount_paid_cents) == (payment.payment_intent_id, FEE)
    assert paid.paid_at is not None and paid.payment_intent_id
    assert balances() == {"stripe:clearing": FEE, "revenue:listing": -FEE} and mails() == ["listing_published"]
    assert health_check.findings() == []


def test_word_of_the_payment_by_every_way_publishes_once(app: Flask, host: User, stripe_simulator: StripeSimulator) -> None:
    draft = make_draft(host)
    token = begin_listing(host, draft)
    checkout_id = payments_of(token)[0].checkout_id or ""
    stripe_simulator.pay(checkout_id)
    at_once(app, *[lambda: returning.confirm(token, checkout_id)] * 2, stripe_simulator.deliver)
    work()
    assert status(draft) == "published" and mails() == ["listing_published"]
    assert [entry.action for entry in all_of(AuditEntry)].count("session_published") == 1


def test_return_page_verifies_the_payment(host: User, stripe_simulator: StripeSimulator) -> None:
    draft, other = make_draft(host), make_draft(host)
    mine, theirs = begin_listing(host, draft), begin_listing(host, other)
    checkout_id, foreign = (payments_of(token)[0].checkout_id or "" for token in (mine, theirs))
    for wrong, refusal in (("cs_test_nothing", CheckoutUnknown), (checkout_id, NotPaidYet), (foreign, CheckoutOfAnotherOrder)):
        with pytest.raises(refusal):
            returning.confirm(mine, wrong)
    stripe_simulator.pay(foreign)
    with pytest.raises(CheckoutOfAnotherOrder):
        returning.confirm(mine, foreign)
    assert status(draft) == "draft"


def test_one_payment_intent_pays_one_listing(host: User, stripe_simulator: StripeSimulator) -> None:
    first, second = make_draft(host), make_draft(host)
    pay(stripe_simulator, begin_listing(host, first))
    begin_listing(host, second)
    with pytest.raises(DBAPIError), transaction() as db:
        intent = {"payment_intent_id": purchase(first).payment_intent_id}
        db.execute(update(ListingPurchase).where(ListingPurchase.club_session_id == second.id).values(intent))


def test_draft_given_up_at_stripe_is_kept_and_paid_later(host: User, clock: FakeClock, stripe_simulator: StripeSimulator) -> None:
    draft = make_draft(host)
    first = begin_listing(host, draft)
    assert begin_listing(host, draft) == first  # the same order while it can be paid
    ending.give_up(first)
    assert (status(draft), order_of(first).status) == ("draft", "cancelled")
    second = begin_listing(host, draft)
    assert second != first
    clock.advance(minutes=36)
    work()
    assert (status(draft), order_of(second).status) == ("draft", "expired")
    pay(stripe_simulator, begin_listing(host, draft))
    assert status(draft) == "published"


def test_late_payment_still_publishes_and_a_second_one_goes_back(
    host: User, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    draft = make_draft(host)
    first = begin_listing(host, draft)
    clock.advance(minutes=36)
    work()
    second = begin_listing(host, draft)
    pay_late(stripe_simulator, first)
    assert status(draft) == "published"
    pay(stripe_simulator, second)
    work()
    assert order_of(second).status == "cancelled" and "purchase_refunded" in mails()
    assert balances() == {"stripe:clearing": FEE, "revenue:listing": -FEE}


def test_late_payment_of_a_session_that_has_begun_is_refunded(
    host: User, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    draft = make_draft(host, starts_at=clock.now + timedelta(hours=2))
    token = begin_listing(host, draft)
    clock.advance(hours=3)
    work()
    pay_late(stripe_simulator, token)
    work()
    assert (status(draft), purchase(draft).paid_at) == ("draft", None)
    assert balances() == {} and mails()[-1] == "purchase_refunded"
    with pytest.raises(StartsInThePast):
        begin_listing(host, draft)


def test_fee_of_nothing_publishes_at_once(host: User, free: None) -> None:
    draft = make_draft(host)
    token = begin_listing(host, draft)
    assert (status(draft), order_of(token).status, all_of(Payment)) == ("published", "paid", [])
    assert mails() == ["listing_published"]


def test_form_sent_twice_makes_one_order(app: Flask, host: User) -> None:
    draft = make_draft(host)
    tokens = at_once(app, *[lambda: begin_listing(host, draft, attempt="one-form")] * 2)
    assert len(set(tokens)) == 1 and len(all_of(Order)) == 1


def test_nobody_pays_for_anothers_session_nor_twice(host: User, stripe_simulator: StripeSimulator) -> None:
    draft, stranger = make_draft(host), make_host()
    with pytest.raises(SessionNotFound):
        begin_listing(stranger, draft)
    with pytest.raises(SessionNotFound):
        begin_listing(host, make_club_session())
    pay(stripe_simulator, begin_listing(host, draft))
    with pytest.raises(ListedAlready):
        begin_listing(host, draft)


def test_committee_approves_what_was_paid(host: User, reviewed: None, stripe_simulator: StripeSimulator) -> None:
    draft = make_draft(host)
    pay(stripe_simulator, begin_listing(host, draft))
    assert (status(draft), the(Listing).review.value) == ("draft", "waiting")
    with pytest.raises(ListedAlready):
        begin_listing(host, draft)
    reviewing.approve(draft.slug, "user:1")
    assert (status(draft), the(Listing).review.value) == ("published", "approved")
    assert mails() == ["listing_in_review", "listing_published"]
    with pytest.raises(club_session_actions.NotSoNow):
        reviewing.reject(draft.slug, "no", "user:1")


def test_rejected_listing_is_refunded_once_and_can_be_paid_again(
    app: Flask, host: User, reviewed: None, stripe_simulator: StripeSimulator
) -> None:
    draft = make_draft(host)
    pay(stripe_simulator, begin_listing(host, draft))
    results = at_once(app, *[lambda: reviewing.reject(draft.slug, "Too dear.", "user:1")] * 2)
    assert sorted(type(result).__name__ for result in results) == ["NotSoNow", "int"]
    work()
    assert balances() == {} and mails() == ["listing_in_review", "listing_rejected"]
    assert (status(draft), the(Listing).review.value, the(Listing).review_reason) == ("draft", "rejected", "Too dear.")
    assert purchase(draft).refunded_at is not None
    pay(stripe_simulator, begin_listing(host, draft))
    assert the(Listing).review.value == "waiting" and balances() == {"stripe:clearing": FEE, "revenue:listing": -FEE}


def test_listing_nobody_looked_at_before_it_began_is_refunded(
    host: User, reviewed: None, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    draft = make_draft(host, starts_at=clock.now + timedelta(hours=2))
    pay(stripe_simulator, begin_listing(host, draft))
    clock.advance(hours=2)
    for _ in range(2):
        work()
    assert balances() == {} and mails().count("listing_rejected") == 1


def fields(clock: FakeClock, **changes: Any) -> ClubSessionFields:
    starts_at = clock.now + timedelta(days=3)
    values = {
        "title": "Pottery", "starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2), "capacity": 8,
        "time_zone": "Pacific/Auckland", "currency": "NZD", "non_member_price_cents": 2000, **changes,
    }  # fmt: skip
    return ClubSessionFields(**values)


def test_host_drafts_what_a_host_decides_and_nothing_else(host: User, clock: FakeClock) -> None:
    slug = hosting.draft(fields(clock, status=SessionStatus.PUBLISHED, slug="mine", waitlist_members_first=True), host.id)
    made = the(ClubSession, slug=slug)
    assert (made.status.value, made.host_user_id, made.waitlist_members_first) == ("draft", host.id, False)
    assert slug.startswith("pottery-") and the(Listing).club_session_id == made.id


def test_a_price_is_checked_in_the_currency_that_is_stored(host: User, clock: FakeClock) -> None:
    with pytest.raises(FieldsRefused) as refused:
        hosting.draft(fields(clock, currency="CZK", non_member_price_cents=10), host.id)
    assert [problem.field for problem in refused.value.problems] == ["non_member_price_cents"] and all_of(ClubSession) == []


def test_host_edits_a_published_session_and_nobody_loses_a_place(
    host: User, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    slug = hosting.draft(fields(clock, non_member_price_cents=None), host.id)
    draft = the(ClubSession, slug=slug)
    pay(stripe_simulator, begin_listing(host, draft))
    begin(draft, expected_price_cents=0)
    seen = desk_sessions.record(slug)
    assert seen is not None
    smaller = fields(clock, title="Pottery for two", capacity=0, non_member_price_cents=None, status=SessionStatus.DRAFT)
    hosting.edit(slug, smaller, host.id, seen=seen.fingerprint)
    after = the(ClubSession, slug=slug)
    assert (after.title, after.status.value, after.places_taken, after.overbooked) == ("Pottery for two", "published", 1, 1)
    with pytest.raises(SessionNotFound):
        hosting.edit(slug, smaller, make_host().id, seen=seen.fingerprint)


@pytest.mark.databases("sqlite")
def test_drafts_are_bounded(host: User, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "MOST_DRAFTS", 1)
    hosting.draft(fields(clock), host.id)
    with pytest.raises(hosting.TooManyDrafts):
        hosting.draft(fields(clock), host.id)
