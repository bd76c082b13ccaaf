"""A paid listing that waits for the committee is decided by whatever happens to its session: published, cancelled or begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.extensions import db as flask_db
from app.models import AuditEntry, ClubSession, Listing, ListingPurchase, OutgoingEmail, Refund, User
from app.rules.statuses import ReviewState, SessionStatus
from app.services import club_session_actions, club_sessions, health_check, reviewing, series_edits, winding_up
from app.services.club_session_actions import NotSoNow
from app.transaction import transaction
from tests.support.booking import at_once, balances, mails, pay_late, payments_of, work
from tests.support.clock import FakeClock
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.killing import Killed, killing
from tests.support.queries import recorded
from tests.support.rows import all_of, count_of, the
from tests.support.stripe import StripeSimulator

REASON = "The hall is closed."
FEE = 1200
KEPT = {"stripe:clearing": FEE, "revenue:listing": -FEE}


@pytest.fixture(autouse=True)
def reviewed(app: Flask) -> None:
    app.extensions["muster_settings"] = replace(app.extensions["muster_settings"], listing_review=True)


@pytest.fixture
def host(app: Flask, stripe_simulator: StripeSimulator) -> User:
    return make_host()


@pytest.fixture
def waiting(host: User, stripe_simulator: StripeSimulator) -> ClubSession:
    """A draft that is paid for and waits for the committee."""
    return paid(host, stripe_simulator)


def paid(host: User, simulator: StripeSimulator, **changes: Any) -> ClubSession:
    draft = make_draft(host, **changes)
    simulator.pay(payments_of(begin_listing(host, draft))[-1].checkout_id or "")
    simulator.deliver()
    assert review(draft) == ReviewState.WAITING
    return draft


def review(club_session: ClubSession) -> ReviewState:
    return the(Listing, club_session_id=club_session.id).review


def put(club_session: ClubSession, **values: Any) -> None:
    """Have the session be so, past the services: as it was left before they looked at listings."""
    with transaction() as db:
        db.execute(update(ClubSession).where(ClubSession.id == club_session.id).values(**values))


def cancel(club_session: ClubSession) -> None:
    winding_up.cancel_session(club_session.slug, "user:1", REASON)


def letter(template: str) -> str:
    """What the one mail of this template says."""
    return the(OutgoingEmail, template=template).text_body or ""


def test_session_cancelled_in_review_gives_the_fee_back_and_tells_the_host(waiting: ClubSession) -> None:
    cancel(waiting)
    assert (review(waiting), the(Listing).review_reason) == (ReviewState.REJECTED, REASON)
    work()
    assert balances() == {} and the(Refund).amount_cents == FEE
    assert the(ListingPurchase).refunded_at is not None
    assert mails() == ["listing_in_review", "listing_rejected"]
    said = letter("listing_rejected")
    assert REASON in said and "NZ$12.00" in said and "it cannot be published any more" in said and "pay again" not in said
    assert [entry.action for entry in all_of(AuditEntry)].count("listing_rejected") == 1
    assert health_check.findings() == []
    work()
    assert count_of(Refund) == 1 and len(mails()) == 2


@pytest.mark.parametrize("decide", [reviewing.approve, lambda slug, actor: reviewing.reject(slug, "No.", actor)])
def test_what_was_cancelled_in_review_is_decided(waiting: ClubSession, decide: Callable[[str, str], object]) -> None:
    cancel(waiting)
    with pytest.raises(NotSoNow):
        decide(waiting.slug, "user:1")
    assert the(ClubSession).status is SessionStatus.CANCELLED and "listing_published" not in mails()


def test_what_is_cancelled_is_not_approved_whatever_its_listing_says(waiting: ClubSession) -> None:
    put(waiting, status=SessionStatus.CANCELLED, cancel_reason=REASON)
    with pytest.raises(NotSoNow):
        reviewing.approve(waiting.slug, "user:1")
    assert review(waiting) is ReviewState.WAITING and mails() == ["listing_in_review"]


def test_cancelling_and_rejecting_at_once_give_the_fee_back_once(app: Flask, waiting: ClubSession) -> None:
    at_once(app, lambda: cancel(waiting), lambda: reviewing.reject(waiting.slug, "Too dear.", "user:1"))
    work()
    assert the(ClubSession).status is SessionStatus.CANCELLED and review(waiting) is ReviewState.REJECTED
    assert count_of(Refund) == 1 and balances() == {} and mails().count("listing_rejected") == 1


def test_cancelling_while_the_fee_arrives_gives_it_back(app: Flask, host: User, stripe_simulator: StripeSimulator) -> None:
    draft = make_draft(host)
    stripe_simulator.pay(payments_of(begin_listing(host, draft))[-1].checkout_id or "")
    at_once(app, lambda: cancel(draft), stripe_simulator.deliver)
    work()
    assert the(ClubSession).status is SessionStatus.CANCELLED and review(draft) is not ReviewState.WAITING
    assert count_of(Refund) == 1 and balances() == {}


@pytest.mark.parametrize("after", [False, True])
def test_cancelling_that_dies_owes_all_of_it_or_nothing(waiting: ClubSession, after: bool) -> None:
    with pytest.raises(Killed), killing(1, after=after):
        cancel(waiting)
    assert mails() == ["listing_in_review", "listing_rejected"][: after + 1] and count_of(Refund) == int(after)
    if not after:
        flask_db.session.remove()
        cancel(waiting)
    work()
    assert balances() == {} and mails() == ["listing_in_review", "listing_rejected"]


def test_listing_cancelled_before_its_fee_was_looked_at_is_healed_by_the_worker(waiting: ClubSession) -> None:
    put(waiting, status=SessionStatus.CANCELLED, cancel_reason=REASON)
    assert reviewing.reject_begun() == 1
    work()
    assert balances() == {} and review(waiting) is ReviewState.REJECTED and REASON in letter("listing_rejected")
    assert reviewing.reject_begun() == 0


def by_the_form(slug: str, actor: str) -> None:
    club_sessions.edit(slug, published_fields(slug), actor)


def with_those_that_follow(slug: str, actor: str) -> None:
    fields = published_fields(slug)
    confirmed = series_edits.plan(slug, fields, seen=None).fingerprint
    series_edits.edit_following(slug, fields, actor, seen=None, confirmed=confirmed)


def published_fields(slug: str) -> club_sessions.ClubSessionFields:
    row = flask_db.session.execute(select(*club_sessions.COLUMNS).where(ClubSession.slug == slug)).one()
    flask_db.session.rollback()
    return replace(club_sessions.read(row), status=SessionStatus.PUBLISHED)


ROADS = [club_session_actions.publish, club_session_actions.publish_series, by_the_form, with_those_that_follow]


@pytest.mark.parametrize("publish", ROADS, ids=lambda road: str(road.__name__))
def test_draft_in_review_is_approved_by_publishing_it(
    waiting: ClubSession, clock: FakeClock, publish: Callable[[str, str], object]
) -> None:
    put(waiting, series="pottery")
    publish(waiting.slug, "user:1")
    assert (the(ClubSession).status, review(waiting)) == (SessionStatus.PUBLISHED, ReviewState.APPROVED)
    assert mails() == ["listing_in_review", "listing_published"] and balances() == KEPT
    actions = [entry.action for entry in all_of(AuditEntry)]
    assert actions.count("listing_approved") == 1
    with pytest.raises(NotSoNow):
        reviewing.approve(waiting.slug, "user:1")
    clock.advance(days=8)
    assert reviewing.reject_begun() == 0 and mails().count("listing_published") == 1


def test_host_is_told_once_of_what_is_published_again(waiting: ClubSession) -> None:
    for _ in range(2):
        club_session_actions.publish(waiting.slug, "user:1")
        club_session_actions.unpublish(waiting.slug, "user:1")
    assert mails() == ["listing_in_review", "listing_published"]


def test_what_was_published_in_review_hides_nothing_from_the_worker(
    host: User, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    """Those left as waiting though they are published cannot be rejected: the worker does not come back to them."""
    starts_at = clock.now + timedelta(hours=2)
    for status in (SessionStatus.PUBLISHED, SessionStatus.COMPLETED):
        put(paid(host, stripe_simulator, starts_at=starts_at), status=status)
    clock.advance(hours=3)
    assert reviewing.reject_begun() == 0
    begun = paid(host, stripe_simulator)
    put(begun, starts_at=clock.now)
    assert (reviewing.reject_begun(), review(begun)) == (1, ReviewState.REJECTED)


def test_worker_counts_only_what_it_rejected(waiting: ClubSession, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def decided_meanwhile(*_: object) -> int:
        raise NotSoNow

    clock.advance(days=8)
    monkeypatch.setattr(reviewing, "reject", decided_meanwhile)
    assert reviewing.reject_begun() == 0


def test_fee_goes_back_for_the_order_that_was_paid_last(
    host: User, clock: FakeClock, stripe_simulator: StripeSimulator
) -> None:
    """An order that ran out is paid after all, once a later one was rejected: its own fee goes back, and its host is told."""
    draft = make_draft(host)
    first = begin_listing(host, draft)
    clock.advance(minutes=36)
    work()
    stripe_simulator.pay(payments_of(begin_listing(host, draft))[-1].checkout_id or "")
    stripe_simulator.deliver()
    reviewing.reject(draft.slug, "Too dear.", "user:1")
    clock.advance(minutes=1)
    pay_late(stripe_simulator, first)
    assert review(draft) is ReviewState.WAITING
    assert reviewing.reject(draft.slug, "Still too dear.", "user:1") == FEE
    work()
    assert balances() == {} and mails().count("listing_rejected") == 2


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("road", [*ROADS[:3], lambda slug, actor: winding_up.cancel_session(slug, actor, REASON)])
def test_orders_of_a_listing_are_locked_before_its_session(waiting: ClubSession, road: Callable[[str, str], object]) -> None:
    put(waiting, series="pottery")
    with recorded(flask_db.engine) as seen:
        road(waiting.slug, "user:1")
    locked = [s.split("FROM ")[1].split()[0] for s in seen if " FOR UPDATE" in s or " FOR NO KEY UPDATE" in s]
    assert locked.index("orders") < locked.index("club_sessions")
