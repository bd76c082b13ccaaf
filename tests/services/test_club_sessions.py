"""Making and changing club sessions: what is written and recorded, what is refused, and that nobody loses a place by an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Registration
from app.queries import desk_sessions
from app.rules.refusals import SessionNotFound
from app.rules.statuses import PaymentState, RegistrationStatus, SessionStatus
from app.services import club_sessions, places
from app.services.club_session_fields import ClubSessionFields, FieldsRefused
from app.services.club_sessions import ChangedMeanwhile, NoSuchTime, SlugTaken, moment_at
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.factories import ZONE, make_club_session, make_free_club_session
from tests.support.rows import all_of, count_of, the

ACTOR = "user:7"


def wanted(clock: FakeClock, **changes: Any) -> ClubSessionFields:
    """A session as somebody of the committee would want it, in ten days."""
    starts_at = clock.now + timedelta(days=10)
    fields = ClubSessionFields(
        title="Social badminton",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        capacity=12,
        time_zone=ZONE,
        currency="NZD",
        location="Harbour Sports Hall",
        member_price_cents=800,
        non_member_price_cents=1200,
        status=SessionStatus.DRAFT,
    )
    return replace(fields, **changes)


def as_it_is(slug: str, /, **changes: Any) -> ClubSessionFields:
    """The fields of a session as the edit form would send them, some of them changed."""
    row = the(ClubSession, slug=slug)
    fields = ClubSessionFields(**{name: getattr(row, name) for name in ClubSessionFields.__dataclass_fields__})
    return replace(fields, **changes)


def booked(session: ClubSession, taken: int) -> None:
    """Give away places by the one statement that does it, one booking each."""
    with transaction() as db:
        for number in range(taken):
            assert places.take(db, session.id, 1)
            db.add(_registration(session, number, RegistrationStatus.REGISTERED))


def _registration(session: ClubSession, number: int, status: RegistrationStatus) -> Registration:
    return Registration(
        club_session_id=session.id, name=f"Person {number}", email=f"{status}{number}@club.example", places=1, status=status,
        payment_status=PaymentState.FREE, price_cents=0,
        waitlisted_at=datetime(2026, 3, 1, number, tzinfo=UTC) if status is RegistrationStatus.WAITLISTED else None,
    )  # fmt: skip


def refused_fields(act: Callable[[], object]) -> set[str]:
    with pytest.raises(FieldsRefused) as refusal:
        act()
    return {problem.field for problem in refusal.value.problems}


def newest_entry(action: str) -> AuditEntry:
    return all_of(AuditEntry, action=action)[-1]


def test_a_new_session_is_written_as_asked_for_and_recorded(app: Flask, clock: FakeClock) -> None:
    fields = wanted(clock, slug="badminton", waitlist_capacity=5, max_places=3)
    assert club_sessions.create(fields, ACTOR) == "badminton"
    assert as_it_is("badminton") == fields
    row = the(ClubSession, slug="badminton")
    assert (row.places_taken, row.overbooked, row.waitlist_taken, row.calendar_sequence) == (0, 0, 0, 0)
    entry = newest_entry("session_created")
    assert (entry.actor, entry.subject_kind, entry.subject_id) == (ACTOR, "club_session", row.id)
    assert entry.detail["title"] == "Social badminton" and entry.detail["non_member_price_cents"] == 1200


def test_an_empty_slug_is_made_from_title_and_local_day_and_numbered_when_taken(app: Flask, clock: FakeClock) -> None:
    evening_before_utc = datetime(2026, 4, 10, 20, 0, tzinfo=UTC)  # the 11th in Auckland
    ends_at = evening_before_utc + timedelta(hours=1)
    fields = wanted(clock, title="Te reo Māori – für Anfänger!", starts_at=evening_before_utc, ends_at=ends_at)
    slugs = [club_sessions.create(fields, ACTOR) for _ in range(3)]
    assert slugs[0] == "te-reo-maori-fur-anfanger-2026-04-11"
    assert slugs[1:] == [f"{slugs[0]}-2", f"{slugs[0]}-3"]
    assert club_sessions.create(replace(fields, title="日本語"), ACTOR) == "session-2026-04-11"


def test_a_slug_that_is_taken_or_another_pages_address_is_refused_on_its_field(app: Flask, clock: FakeClock) -> None:
    club_sessions.create(wanted(clock, slug="badminton"), ACTOR)
    for slug in ("badminton", "new"):
        with pytest.raises(SlugTaken) as refusal:
            club_sessions.create(wanted(clock, slug=slug), ACTOR)
        assert (refusal.value.field, refusal.value.status) == ("slug", 409)
    assert count_of(ClubSession) == 1 == count_of(AuditEntry)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ends": timedelta(0)}, "ends_at"),
        ({"closes": timedelta(minutes=1)}, "closes_at"),
        ({"opens": timedelta(0)}, "opens_at"),
        ({"members_open": timedelta(days=1)}, "members_open_at"),
        ({"non_member_price_cents": 49}, "non_member_price_cents"),
        ({"member_price_cents": 1300}, "member_price_cents"),
        ({"status": SessionStatus.CANCELLED}, "status"),
        ({"status": SessionStatus.COMPLETED}, "status"),
        ({"in_the_past": True}, "starts_at"),
    ],
)
def test_what_cannot_be_is_refused_on_its_field_and_nothing_is_written(
    app: Flask, clock: FakeClock, changes: dict[str, Any], field: str
) -> None:
    fields = wanted(clock)
    after_start = {"ends": "ends_at", "closes": "closes_at", "opens": "opens_at", "members_open": "members_open_at"}
    moved = {after_start[name]: fields.starts_at + value for name, value in changes.items() if name in after_start}
    if changes.get("in_the_past"):
        moved["starts_at"] = clock.now
    plain = {name: value for name, value in changes.items() if name not in after_start and name != "in_the_past"}
    assert field in refused_fields(lambda: club_sessions.create(replace(fields, **moved, **plain), ACTOR))
    assert count_of(ClubSession) == count_of(AuditEntry) == 0


def test_a_price_of_nothing_or_of_the_least_that_can_be_charged_is_fine(app: Flask, clock: FakeClock) -> None:
    for cents in (None, 0, 50):
        club_sessions.create(wanted(clock, non_member_price_cents=cents, member_price_cents=None), ACTOR)
    assert {row.non_member_price_cents for row in all_of(ClubSession)} == {None, 0, 50}


def test_an_edit_writes_what_changed_and_records_before_and_after(app: Flask, clock: FakeClock) -> None:
    session = make_club_session(slug="badminton", calendar_sequence=3)
    club_sessions.edit("badminton", as_it_is("badminton", title="Badminton for all", non_member_price_cents=1500), ACTOR)
    row = the(ClubSession, slug="badminton")
    assert (row.title, row.non_member_price_cents, row.calendar_sequence) == ("Badminton for all", 1500, 3)
    entry = newest_entry("session_edited")
    assert (entry.actor, entry.subject_id) == (ACTOR, session.id)
    assert entry.detail == {"title": [session.title, "Badminton for all"], "non_member_price_cents": [1200, 1500]}


def test_an_edit_that_changes_nothing_leaves_no_trace(app: Flask, clock: FakeClock) -> None:
    before = make_club_session(slug="badminton")
    clock.advance(hours=1)
    assert club_sessions.edit("badminton", as_it_is("badminton", slug=""), ACTOR) == "badminton"
    assert count_of(AuditEntry) == 0 and the(ClubSession).updated_at == before.updated_at


@pytest.mark.parametrize("moved", ["starts_at", "ends_at", "location"])
def test_another_time_or_place_counts_the_calendar_on(app: Flask, clock: FakeClock, moved: str) -> None:
    session = make_club_session(slug="badminton")
    value = "Somewhere else" if moved == "location" else getattr(session, moved) + timedelta(minutes=15)
    club_sessions.edit("badminton", as_it_is("badminton", **{moved: value}), ACTOR)
    assert the(ClubSession).calendar_sequence == 1


def test_a_capacity_below_what_is_taken_evicts_nobody_and_is_overbooked(app: Flask, clock: FakeClock) -> None:
    session = make_free_club_session(slug="badminton", capacity=5)
    booked(session, 4)
    club_sessions.edit("badminton", as_it_is("badminton", capacity=3), ACTOR)
    row = the(ClubSession)
    assert (row.capacity, row.places_taken, row.overbooked) == (3, 4, 1)
    assert count_of(Registration, status=RegistrationStatus.REGISTERED) == 4
    assert newest_entry("session_edited").detail == {"capacity": [5, 3]}
    club_sessions.edit("badminton", as_it_is("badminton", capacity=10), ACTOR)
    assert (the(ClubSession).capacity, the(ClubSession).overbooked) == (10, 0)


def test_more_places_go_to_those_who_wait_in_the_same_transaction(app: Flask, clock: FakeClock) -> None:
    session = make_free_club_session(slug="badminton", capacity=1, waitlist_capacity=5)
    booked(session, 1)
    with transaction() as db:
        for number in (1, 2):
            assert places.join_waitlist(db, session.id, 1)
            db.add(_registration(session, number, RegistrationStatus.WAITLISTED))
    club_sessions.edit("badminton", as_it_is("badminton", capacity=2), ACTOR)
    row = the(ClubSession)
    assert (row.capacity, row.places_taken, row.waitlist_taken) == (2, 2, 1)
    first, second = all_of(Registration)[1:]
    assert (first.status, second.status) == (RegistrationStatus.OFFERED, RegistrationStatus.WAITLISTED)


def test_publishing_and_unpublishing_is_an_edit_but_cancelling_and_completing_are_not(app: Flask, clock: FakeClock) -> None:
    slug = club_sessions.create(wanted(clock), ACTOR)
    for status in (SessionStatus.PUBLISHED, SessionStatus.DRAFT, SessionStatus.PUBLISHED):
        club_sessions.edit(slug, as_it_is(slug, status=status), ACTOR)
        assert the(ClubSession).status is status
    for status in (SessionStatus.CANCELLED, SessionStatus.COMPLETED):
        assert refused_fields(lambda to=status: club_sessions.edit(slug, as_it_is(slug, status=to), ACTOR)) == {"status"}


def test_what_has_ended_never_becomes_a_draft_or_published_again(app: Flask, clock: FakeClock) -> None:
    for status in (SessionStatus.CANCELLED, SessionStatus.COMPLETED):
        slug = make_club_session(status=status).slug
        for then in (SessionStatus.DRAFT, SessionStatus.PUBLISHED):
            assert refused_fields(lambda s=slug, to=then: club_sessions.edit(s, as_it_is(s, status=to), ACTOR)) == {"status"}
        club_sessions.edit(slug, as_it_is(slug, description="How it was"), ACTOR)
        assert the(ClubSession, slug=slug).status is status


def test_a_session_that_is_over_can_still_be_corrected(app: Flask, clock: FakeClock) -> None:
    make_club_session(slug="badminton", starts_at=clock.now - timedelta(days=1))
    club_sessions.edit("badminton", as_it_is("badminton", description="How it was"), ACTOR)
    assert the(ClubSession).description == "How it was"
    back = as_it_is("badminton", starts_at=clock.now - timedelta(days=2))
    assert refused_fields(lambda: club_sessions.edit("badminton", back, ACTOR)) == {"starts_at"}


def test_once_somebody_booked_the_address_and_the_currency_stay(app: Flask, clock: FakeClock) -> None:
    session = make_free_club_session(slug="badminton")
    assert club_sessions.edit("badminton", as_it_is("badminton", slug="badminton-2", currency="AUD"), ACTOR) == "badminton-2"
    booked(session, 1)
    again = as_it_is("badminton-2", slug="badminton", currency="NZD")
    assert refused_fields(lambda: club_sessions.edit("badminton-2", again, ACTOR)) == {"slug", "currency"}
    assert the(ClubSession).slug == "badminton-2"


def test_a_slug_in_use_cannot_be_taken_by_an_edit(app: Flask, clock: FakeClock) -> None:
    make_club_session(slug="badminton")
    make_club_session(slug="tennis")
    with pytest.raises(SlugTaken):
        club_sessions.edit("tennis", as_it_is("tennis", slug="badminton"), ACTOR)
    with pytest.raises(SessionNotFound):
        club_sessions.edit("chess", as_it_is("tennis"), ACTOR)


def test_an_edit_of_a_page_that_is_out_of_date_is_refused_but_bookings_do_not_make_it_so(app: Flask, clock: FakeClock) -> None:
    session = make_free_club_session(slug="badminton")
    record = desk_sessions.record("badminton")
    assert record is not None
    booked(session, 2)
    club_sessions.edit("badminton", as_it_is("badminton", title="First"), ACTOR, seen=record.fingerprint)
    with pytest.raises(ChangedMeanwhile) as refusal:
        club_sessions.edit("badminton", as_it_is("badminton", title="Second"), ACTOR, seen=record.fingerprint)
    assert refusal.value.status == 409 and the(ClubSession).title == "First"


def test_clocks_on_the_wall_become_moments() -> None:
    assert moment_at(date(2026, 7, 1), time(18, 30), ZONE) == datetime(2026, 7, 1, 6, 30, tzinfo=UTC)
    assert moment_at(date(2026, 1, 1), time(18, 30), ZONE) == datetime(2026, 1, 1, 5, 30, tzinfo=UTC)
    # Auckland leaves summer time on 5 April 2026 at 3:00: half past two comes twice, the first is meant.
    assert moment_at(date(2026, 4, 5), time(2, 30), ZONE) == datetime(2026, 4, 4, 13, 30, tzinfo=UTC)
    # It enters it on 27 September 2026 at 2:00: half past two is skipped.
    with pytest.raises(NoSuchTime):
        moment_at(date(2026, 9, 27), time(2, 30), ZONE)
    assert moment_at(date(2026, 9, 27), time(3, 0), ZONE) == datetime(2026, 9, 26, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [RegistrationStatus.REGISTERED, RegistrationStatus.WAITLISTED])
def test_no_edit_makes_a_draft_of_a_session_with_people_in_it(app: Flask, clock: FakeClock, status: RegistrationStatus) -> None:
    session = make_free_club_session(slug="badminton", waitlist_capacity=2)
    with transaction() as db:
        take = places.join_waitlist if status is RegistrationStatus.WAITLISTED else places.take
        assert take(db, session.id, 1)
        db.add(_registration(session, 1, status))
    draft = as_it_is("badminton", status=SessionStatus.DRAFT)
    assert refused_fields(lambda: club_sessions.edit("badminton", draft, ACTOR)) == {"status"}
    assert the(ClubSession).status is SessionStatus.PUBLISHED
