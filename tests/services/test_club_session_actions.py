"""Copying, publishing, taking back and completing a session: what is written, what is refused, and that nobody loses a page."""

from __future__ import annotations

import threading
from contextvars import copy_context
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Registration
from app.rules.refusals import InvalidInput, SessionNotFound
from app.rules.repeating import wall
from app.rules.statuses import PaymentState, RegistrationStatus, SessionStatus
from app.services import club_session_actions as actions
from app.services import places
from app.services.club_session_actions import NotSoNow, NotYetOver, PeopleAreIn, StartsInThePast
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.factories import ZONE, make_club_session, make_user
from tests.support.rows import all_of, count_of, the

ACTOR = "user:7"
EVENING = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)
"""Half past six in Auckland's summer."""


def status_of(slug: str) -> SessionStatus:
    return the(ClubSession, slug=slug).status


def book(session: ClubSession, status: RegistrationStatus) -> None:
    with transaction() as db:
        waits = status is RegistrationStatus.WAITLISTED
        if waits:
            assert places.join_waitlist(db, session.id, 1)
        elif status is not RegistrationStatus.CANCELLED:
            assert places.take(db, session.id, 1)
        db.add(Registration(
            club_session_id=session.id, name="Aroha", email="aroha@club.example", places=1, status=status, price_cents=0,
            payment_status=PaymentState.FREE, waitlisted_at=EVENING if waits else None,
        ))  # fmt: skip


def test_a_copy_is_a_draft_at_the_same_time_on_the_clock_with_all_its_dates_moved(app: Flask, clock: FakeClock) -> None:
    host = make_user()
    source = make_club_session(
        slug="badminton", starts_at=EVENING, refund_until=EVENING - timedelta(days=1), opens_at=EVENING - timedelta(days=9),
        host_user_id=host.id, series="a-series", student_price_cents=500,
    )  # fmt: skip
    book(source, RegistrationStatus.REGISTERED)
    slug = actions.duplicate("badminton", date(2026, 7, 1), ACTOR)
    copy = the(ClubSession, slug=slug)
    assert slug.endswith("-2026-07-01") and copy.status is SessionStatus.DRAFT
    moments = (copy.starts_at, copy.ends_at, copy.refund_until, copy.opens_at)
    shown = [wall(at, ZONE).strftime("%d %b %H:%M") for at in moments if at]
    assert shown == ["01 Jul 18:30", "01 Jul 20:30", "30 Jun 18:30", "22 Jun 18:30"]
    assert (copy.title, copy.student_price_cents, copy.max_places) == (source.title, 500, source.max_places)
    assert (copy.places_taken, copy.series, copy.host_user_id) == (0, None, None)
    entry = the(AuditEntry, action="session_created")
    assert (entry.actor, entry.subject_id, entry.detail["copied_from"]) == (ACTOR, copy.id, "badminton")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("on", [date(2026, 3, 2), date(2000, 1, 1), date.min, date.max])
def test_a_copy_in_the_past_or_out_of_reach_is_refused(app: Flask, clock: FakeClock, on: date) -> None:
    make_club_session(slug="badminton")
    with pytest.raises(InvalidInput) as refusal:
        actions.duplicate("badminton", on, ACTOR)
    assert refusal.value.field == "on" and count_of(ClubSession) == 1
    with pytest.raises(SessionNotFound):
        actions.duplicate("chess", date(2026, 5, 1), ACTOR)


def test_a_draft_is_published_once_and_taken_back_while_nobody_is_in(app: Flask, clock: FakeClock) -> None:
    session = make_club_session(slug="badminton", status=SessionStatus.DRAFT)
    actions.publish("badminton", ACTOR)
    with pytest.raises(NotSoNow):
        actions.publish("badminton", ACTOR)
    assert status_of("badminton") is SessionStatus.PUBLISHED
    book(session, RegistrationStatus.CANCELLED)
    actions.unpublish("badminton", ACTOR)
    assert status_of("badminton") is SessionStatus.DRAFT
    with pytest.raises(NotSoNow):
        actions.unpublish("badminton", ACTOR)
    entries = [(entry.action, entry.actor, entry.detail["status"]) for entry in all_of(AuditEntry)]
    assert entries == [
        ("session_published", ACTOR, ["draft", "published"]), ("session_unpublished", ACTOR, ["published", "draft"]),
    ]  # fmt: skip


@pytest.mark.parametrize("status", [RegistrationStatus.REGISTERED, RegistrationStatus.HELD, RegistrationStatus.WAITLISTED])
def test_nothing_is_taken_back_from_people_who_are_in(app: Flask, clock: FakeClock, status: RegistrationStatus) -> None:
    session = make_club_session(slug="badminton", waitlist_capacity=3)
    book(session, status)
    with pytest.raises(PeopleAreIn):
        actions.unpublish("badminton", ACTOR)
    assert status_of("badminton") is SessionStatus.PUBLISHED and count_of(AuditEntry) == 0


def test_taking_back_and_booking_at_once_never_leave_somebody_in_a_draft(app: Flask, clock: FakeClock) -> None:
    """Whoever is second finds the row as the first left it, because both go through its lock."""
    for number in range(6):
        session = make_club_session(slug=f"badminton-{number}")
        outcome: list[str] = []
        start = threading.Barrier(2)

        def book_it(session: ClubSession = session, outcome: list[str] = outcome, start: threading.Barrier = start) -> None:
            start.wait()
            with app.app_context(), transaction() as db:
                if places.take(db, session.id, 1):
                    db.add(Registration(
                        club_session_id=session.id, name="Aroha", email="aroha@club.example", places=1, price_cents=0,
                        status=RegistrationStatus.REGISTERED, payment_status=PaymentState.FREE,
                    ))  # fmt: skip
                    outcome.append("in")

        def take_back(slug: str = session.slug, outcome: list[str] = outcome, start: threading.Barrier = start) -> None:
            start.wait()
            with app.app_context():
                try:
                    actions.unpublish(slug, ACTOR)
                    outcome.append("draft")
                except PeopleAreIn:
                    pass

        threads = [threading.Thread(target=copy_context().run, args=(act,)) for act in (book_it, take_back)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcome) == 1, outcome


def test_a_session_that_started_is_not_published_but_can_be_completed_for_good(app: Flask, clock: FakeClock) -> None:
    make_club_session(slug="draft", status=SessionStatus.DRAFT, starts_at=clock.now - timedelta(minutes=1))
    with pytest.raises(StartsInThePast):
        actions.publish("draft", ACTOR)
    make_club_session(slug="badminton", starts_at=clock.now + timedelta(minutes=1))
    with pytest.raises(NotYetOver):
        actions.complete("badminton", ACTOR)
    clock.advance(minutes=1)
    actions.complete("badminton", ACTOR)
    assert status_of("badminton") is SessionStatus.COMPLETED
    for again in (actions.complete, actions.publish, actions.unpublish):
        with pytest.raises((NotSoNow, StartsInThePast)):
            again("badminton", ACTOR)
    assert [entry.action for entry in all_of(AuditEntry)] == ["session_completed"]


def test_every_draft_to_come_of_a_series_is_published_at_once(app: Flask, clock: FakeClock) -> None:
    for number, (status, days) in enumerate([("draft", 7), ("draft", 14), ("cancelled", 21), ("draft", -7)]):
        starts_at = clock.now + timedelta(days=days)
        make_club_session(slug=f"s{number}", series="a", status=SessionStatus(status), starts_at=starts_at)
    make_club_session(slug="other", series="b", status=SessionStatus.DRAFT)
    make_club_session(slug="alone", status=SessionStatus.DRAFT)
    assert actions.publish_series("s2", ACTOR) == 2
    assert [status_of(f"s{number}").value for number in range(4)] == ["published", "published", "cancelled", "draft"]
    assert status_of("other") is SessionStatus.DRAFT and count_of(AuditEntry, action="session_published") == 2
    with pytest.raises(SessionNotFound):
        actions.publish_series("alone", ACTOR)
