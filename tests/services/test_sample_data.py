"""The sample club: believable at any time of the year, in order by every check, and filled in once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app.extensions import Base
from app.extensions import db as flask_db
from app.models import (
    ClubSession,
    LedgerEntry,
    Listing,
    ListingPurchase,
    Membership,
    Order,
    OutgoingEmail,
    Payment,
    Registration,
    User,
)
from app.queries import club_sessions, desk_applications, desk_today, hosting
from app.queries.memberships import Standing, is_active_member
from app.rules.capacity import State
from app.rules.statuses import TAKEN, WAITING, Entry, OrderStatus, PaymentState, ReviewState, Role
from app.services import applications, health_check, reviewing, sample_data, users
from app.services.applications import Decision, Verdict
from tests.support.clock import FakeClock
from tests.support.rows import all_of, count_of, the


def states(now: datetime, *, is_member: bool = False) -> Counter[State]:
    standing = Standing(is_member=is_member)
    days = [*club_sessions.upcoming(now, standing=standing), *club_sessions.out_of_the_way(now, standing=standing)]
    return Counter(view.state for day in days for view in day.sessions)


def test_it_shows_every_state_a_session_can_be_in(app: Flask, clock: FakeClock) -> None:
    assert sample_data.fill(clock.now) == count_of(ClubSession) >= 26
    seen = states(clock.now)
    assert set(seen) == set(State) and seen[State.OPEN] >= 15 and seen[State.PAST] == 1
    assert states(clock.now, is_member=True)[State.NOT_YET_OPEN] < seen[State.NOT_YET_OPEN], "members go first somewhere"
    views = [view for day in club_sessions.upcoming(clock.now) for view in day.sessions]
    assert len(views) >= 25
    assert max(view.starts_at for view in views) - clock.now < timedelta(weeks=6, days=1)
    assert any(view.places_left == 2 and view.counters.capacity > 10 for view in views)
    assert any(view.quote.is_free for view in views) and any(view.prices.member_cents for view in views)
    assert any(view.window.entry is Entry.APPLICATION for view in views)
    assert {view.max_places for view in views} >= {1, 2, 3, 4}


def test_its_rows_are_in_order(app: Flask, clock: FakeClock) -> None:
    sample_data.fill(clock.now)
    assert health_check.findings() == []
    registrations = all_of(Registration)
    for session in all_of(ClubSession):
        mine = [r for r in registrations if r.club_session_id == session.id]
        assert session.places_taken == sum(r.places for r in mine if r.status in TAKEN) <= session.capacity
        assert session.waitlist_taken == sum(r.places for r in mine if r.status in WAITING)
        assert all(r.places <= session.max_places for r in mine)
        assert all(r.created_at < min(clock.now, session.closes_at or session.starts_at) for r in mine)
    paid = [r for r in registrations if r.payment_status is PaymentState.PAID]
    money = sum(r.amount_paid_cents for r in paid) + the(ListingPurchase).amount_paid_cents
    assert money == sum(p.captured_cents for p in all_of(Payment)) == sum(e.amount_cents for e in all_of(LedgerEntry)) > 0
    assert health_check.findings() == []
    orders = {order.id: order for order in all_of(Order)}
    for r in registrations:
        order = orders[r.order_id or 0]
        assert order.total_cents == r.price_cents and order.email == r.email
        assert (order.status is OrderStatus.PAID) == (r.status in TAKEN)
        assert order.created_at == r.created_at
        assert r.email.endswith(("@example.org", ".example"))
    assert count_of(OutgoingEmail) == 0, "nobody made up gets mail"


def test_something_waits_for_the_committee(sqlite_app: Flask, clock: FakeClock) -> None:
    sample_data.fill(clock.now)
    (draft,) = hosting.in_review()
    assert draft.host_email == sample_data.HOST_EMAIL and the(Listing).review is ReviewState.WAITING
    slug = the(ClubSession, entry=Entry.APPLICATION).slug
    applied = desk_applications.of_session(slug, "", None).items
    assert len({one.status for one in applied}) == 4 and all(one.answers for one in applied)
    problems = desk_today.page(clock.now, clock.now).problems
    assert (problems.applications, problems.listings, list(problems.drafts)) == (3, 1, [])
    reviewing.approve(draft.slug, "user:1")
    waiting = tuple(one.token for one in applied if one.undecided)
    assert applications.decide(slug, Decision(Verdict.ACCEPT, waiting), "user:1", once="k" * 20) == len(waiting) == 4
    assert health_check.findings() == []


def test_staff_and_member_can_sign_in(app: Flask, clock: FakeClock) -> None:
    sample_data.fill(clock.now)
    staff = users.authenticate(sample_data.STAFF_EMAIL, sample_data.DEMO_PASSWORD)
    member = users.authenticate(sample_data.MEMBER_EMAIL, sample_data.DEMO_PASSWORD)
    assert staff is not None and staff.role is Role.ADMIN
    assert member is not None and member.role is Role.NONE
    assert is_active_member(flask_db.session(), member.id, member.email, clock.now)
    assert the(Registration, user_id=member.id).price_cents == 800


def test_a_second_run_changes_nothing(app: Flask, clock: FakeClock) -> None:
    sample_data.fill(clock.now)
    before = {table: count_of(model) for table, model in tables().items()}
    clock.advance(hours=5)
    assert sample_data.fill(clock.now) == 0
    assert {table: count_of(model) for table, model in tables().items()} == before


def test_after_the_season_it_fills_in_the_next_one(sqlite_app: Flask, clock: FakeClock) -> None:
    sample_data.fill(clock.now)
    clock.advance(days=60)
    assert sample_data.fill(clock.now) > 0
    assert count_of(User) == len(sample_data.PEOPLE) and count_of(Membership) == 1
    assert health_check.findings() == []


@pytest.mark.parametrize("day", range(8))
def test_it_works_on_every_day_of_the_week_and_when_clocks_change(sqlite_app: Flask, clock: FakeClock, day: int) -> None:
    clock.set(datetime(2026, 9, 22, 12, 30, tzinfo=UTC) + timedelta(days=day))
    sample_data.fill(clock.now)
    assert set(states(clock.now)) == set(State)
    evening = next(view for d in club_sessions.upcoming(clock.now) for view in d.sessions if view.title == "Social badminton")
    assert evening.slug.startswith("social-badminton-2026-")


def tables() -> dict[str, type[Base]]:
    return {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
