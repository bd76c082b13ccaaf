"""Repeating weekly and changing what follows: every date or none, the same time on the clock, one series, nobody evicted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession, Registration
from app.rules.refusals import InvalidInput, SessionNotFound
from app.rules.repeating import wall
from app.rules.statuses import PaymentState, RefundPolicy, RegistrationStatus, SessionStatus
from app.services import places, repeating, series_edits
from app.services.club_session_fields import ClubSessionFields, FieldsRefused
from app.services.club_sessions import ChangedMeanwhile
from app.services.repeating import AnotherPlan, Fate, Wish
from app.services.series_edits import FollowerRefuses
from app.transaction import transaction
from tests.support.clock import FakeClock
from tests.support.factories import ZONE, make_club_session
from tests.support.rows import all_of, count_of, the

ACTOR = "user:7"
FRIDAY = datetime(2026, 3, 20, 5, 30, tzinfo=UTC)
"""Half past six on Friday 20 March in Auckland, whose clocks go back on 5 April."""


def wish(weeks: int | None = 4, until: date | None = None, *skip: date, status: SessionStatus = SessionStatus.DRAFT) -> Wish:
    return Wish(weeks, until, frozenset(skip), status)


def repeated(slug: str, asked: Wish) -> list[str]:
    return repeating.repeat_weekly(slug, asked, ACTOR, seen=repeating.plan(slug, asked).fingerprint)


def fields_of(slug: str, /, **changes: Any) -> ClubSessionFields:
    row = the(ClubSession, slug=slug)
    return replace(ClubSessionFields(**{name: getattr(row, name) for name in ClubSessionFields.__dataclass_fields__}), **changes)


def edited(slug: str, fields: ClubSessionFields) -> series_edits.Plan:
    plan = series_edits.plan(slug, fields, seen=None)
    return series_edits.edit_following(slug, fields, ACTOR, seen=None, confirmed=plan.fingerprint)


def local(moment: datetime | None) -> str:
    return "" if moment is None else wall(moment, ZONE).strftime("%a %d %b %H:%M")


def badminton(**changes: Any) -> ClubSession:
    values = {"slug": "badminton", "starts_at": FRIDAY, "refund_until": FRIDAY - timedelta(days=1), **changes}
    return make_club_session(**values)


def book(session: ClubSession, count: int) -> None:
    with transaction() as db:
        for number in range(count):
            assert places.take(db, session.id, 1)
            db.add(Registration(
                club_session_id=session.id, name="Aroha", email=f"aroha{number}@club.example", places=1, price_cents=0,
                status=RegistrationStatus.REGISTERED, payment_status=PaymentState.FREE,
            ))  # fmt: skip


def test_every_week_at_the_same_time_on_the_clock_in_one_series_with_a_date_left_out(app: Flask, clock: FakeClock) -> None:
    source = badminton(
        opens_at=FRIDAY - timedelta(days=7), closes_at=FRIDAY - timedelta(hours=1), waitlist_capacity=3,
        refund_policy=RefundPolicy.PERCENTAGE, refund_percent=50, waitlist_members_first=True,
    )  # fmt: skip
    asked = wish(4, None, date(2026, 4, 3))
    fates = [(one.on.day, one.fate) for one in repeating.plan("badminton", asked).occurrences]
    assert fates == [(27, Fate.MADE), (3, Fate.LEFT_OUT), (10, Fate.MADE), (17, Fate.MADE)]
    assert count_of(ClubSession) == 1, "a plan makes nothing"
    slugs = repeated("badminton", asked)
    first, *made = all_of(ClubSession)
    assert [row.slug for row in made] == slugs and slugs[0].endswith("-2026-03-27")
    assert [local(row.starts_at) for row in made] == ["Fri 27 Mar 18:30", "Fri 10 Apr 18:30", "Fri 17 Apr 18:30"]
    assert [local(row.refund_until) for row in made] == ["Thu 26 Mar 18:30", "Thu 09 Apr 18:30", "Thu 16 Apr 18:30"]
    assert made[1].starts_at == datetime(2026, 4, 10, 6, 30, tzinfo=UTC), "an hour later in UTC: it is winter"
    assert local(made[1].opens_at) == "Fri 03 Apr 18:30" and local(made[1].closes_at) == "Fri 10 Apr 17:30"
    assert first.series and {row.series for row in made} == {first.series}
    assert {row.status for row in made} == {SessionStatus.DRAFT} and first.status is SessionStatus.PUBLISHED
    same = ("title", "location", "capacity", "member_price_cents", "refund_percent", "waitlist_members_first")
    assert all(getattr(row, name) == getattr(source, name) for row in made for name in same)
    assert [entry.detail["copied_from"] for entry in all_of(AuditEntry, action="session_created")] == ["badminton"] * 3
    assert the(AuditEntry, action="session_repeated").detail == {"series": first.series, "slugs": slugs}


@pytest.mark.databases("sqlite")
def test_spring_too_and_a_time_that_the_clocks_skip_is_told(app: Flask, clock: FakeClock) -> None:
    clock.set(datetime(2026, 9, 1, tzinfo=UTC))
    starts_at = datetime(2026, 9, 19, 14, 30, tzinfo=UTC)  # 2:30 at night
    make_club_session(slug="stars", starts_at=starts_at, refund_until=None)
    plan = repeating.plan("stars", wish(2))
    assert [local(one.starts_at) for one in plan.made] == ["Sun 27 Sep 03:30", "Sun 04 Oct 02:30"]
    assert [one.late for one in plan.made] == [True, False]
    evening = datetime(2026, 9, 18, 6, 30, tzinfo=UTC)
    make_club_session(slug="evening", starts_at=evening, refund_until=None)
    repeated("evening", wish(None, date(2026, 10, 2), status=SessionStatus.PUBLISHED))
    made = [row for row in all_of(ClubSession) if row.slug not in ("stars", "evening")]
    assert [local(row.starts_at) for row in made] == ["Fri 25 Sep 18:30", "Fri 02 Oct 18:30"]
    assert {row.status for row in made} == {SessionStatus.PUBLISHED}


def test_a_second_press_makes_nothing_and_a_list_that_is_old_is_refused(app: Flask, clock: FakeClock) -> None:
    badminton()
    seen = repeating.plan("badminton", wish(3)).fingerprint
    repeating.repeat_weekly("badminton", wish(3), ACTOR, seen=seen)
    with pytest.raises(InvalidInput):
        repeating.repeat_weekly("badminton", wish(3), ACTOR, seen=seen)
    with pytest.raises(AnotherPlan):
        repeating.repeat_weekly("badminton", wish(5), ACTOR, seen=seen)
    assert count_of(ClubSession) == 4 and count_of(AuditEntry, action="session_repeated") == 1
    repeated("badminton", wish(5))
    assert count_of(ClubSession) == 6 and len({row.series for row in all_of(ClubSession)}) == 1


def test_when_one_of_them_fails_none_is_made(app: Flask, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    badminton()
    add, calls = repeating.club_sessions.add_club_session, []

    def third_fails(*args: Any, **kwargs: Any) -> str:
        calls.append(args)
        if len(calls) == 3:
            raise RuntimeError("the lights went out")
        return add(*args, **kwargs)

    monkeypatch.setattr(repeating.club_sessions, "add_club_session", third_fails)
    with pytest.raises(RuntimeError):
        repeated("badminton", wish(4))
    assert count_of(ClubSession) == 1 and count_of(AuditEntry) == 0 and the(ClubSession).series is None


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("asked", "field"), [
    (wish(None), "weeks"), (wish(0), "weeks"), (wish(53), "weeks"), (wish(2, date(2026, 5, 1)), "until"),
    (wish(None, date(2026, 3, 26)), "until"), (wish(None, date(2028, 1, 1)), "until"),
    (wish(1, None, date(2026, 3, 27)), "weeks"),
])  # fmt: skip
def test_a_wish_that_makes_nothing_or_too_much_is_refused(app: Flask, clock: FakeClock, asked: Wish, field: str) -> None:
    badminton()
    with pytest.raises(InvalidInput) as refusal:
        repeating.plan("badminton", asked)
    assert refusal.value.field == field
    with pytest.raises(SessionNotFound):
        repeating.plan("chess", asked)


def test_this_and_following_moves_times_by_the_same_difference_and_leaves_the_rest(app: Flask, clock: FakeClock) -> None:
    badminton(closes_at=FRIDAY - timedelta(hours=1))
    _, second, third = repeated("badminton", wish(3, status=SessionStatus.PUBLISHED))
    make_club_session(slug="stranger", starts_at=FRIDAY + timedelta(days=14))
    with transaction() as db:
        db.get_one(ClubSession, the(ClubSession, slug=third).id).location = "The other hall"
    before = {row.slug: row for row in all_of(ClubSession)}
    wanted = fields_of(
        second, title="Badminton for all", non_member_price_cents=1500, status=SessionStatus.DRAFT, slug="moved",
        starts_at=before[second].starts_at + timedelta(minutes=30), ends_at=before[second].ends_at + timedelta(minutes=30),
        opens_at=before[second].starts_at - timedelta(days=5),
    )  # fmt: skip
    assert len(edited(second, wanted).lines) == 2
    after = {row.slug: row for row in all_of(ClubSession)}
    assert local(after["moved"].starts_at) == "Fri 03 Apr 19:00" and after["moved"].status is SessionStatus.DRAFT
    assert local(after[third].starts_at) == "Fri 10 Apr 19:00" and local(after[third].ends_at) == "Fri 10 Apr 21:00"
    assert local(after[third].opens_at) == "Sun 05 Apr 18:30", "what it did not have is as many days before as here"
    assert (after[third].title, after[third].non_member_price_cents) == ("Badminton for all", 1500)
    assert (after[third].location, after[third].status) == ("The other hall", SessionStatus.PUBLISHED)
    assert local(after[third].closes_at) == "Fri 10 Apr 17:30" and after[third].calendar_sequence == 1
    for slug in ("badminton", "stranger"):
        assert after[slug].title == before[slug].title and after[slug].updated_at == before[slug].updated_at
    entries = all_of(AuditEntry, action="session_edited")
    assert [entry.subject_id for entry in entries] == [before[second].id, before[third].id]
    assert entries[1].detail["non_member_price_cents"] == [1200, 1500] and "status" not in entries[1].detail


def test_fewer_places_for_all_evict_nobody(app: Flask, clock: FakeClock) -> None:
    badminton(capacity=5)
    (second,) = repeated("badminton", wish(1, status=SessionStatus.PUBLISHED))
    book(the(ClubSession, slug=second), 4)
    edited("badminton", fields_of("badminton", capacity=3))
    row = the(ClubSession, slug=second)
    assert (row.capacity, row.places_taken, row.overbooked) == (3, 4, 1)
    assert the(ClubSession, slug="badminton").capacity == 3


def test_one_that_cannot_take_the_change_stops_all(app: Flask, clock: FakeClock) -> None:
    badminton(member_price_cents=None)
    (second,) = repeated("badminton", wish(1))
    with transaction() as db:
        db.get_one(ClubSession, the(ClubSession, slug=second).id).member_price_cents = 1100
    with pytest.raises(FollowerRefuses) as refusal:
        edited("badminton", fields_of("badminton", non_member_price_cents=1000))
    assert "27 March 2026" in str(refusal.value.params["day"])
    assert the(ClubSession, slug="badminton").non_member_price_cents == 1200
    with pytest.raises(FieldsRefused):
        edited("badminton", fields_of("badminton", starts_at=clock.now - timedelta(days=1)))
    with pytest.raises(InvalidInput) as once:
        edited("badminton", fields_of("badminton", currency="AUD"))
    assert once.value.field == "currency"


def test_what_was_confirmed_is_what_is_done(app: Flask, clock: FakeClock) -> None:
    badminton()
    (second,) = repeated("badminton", wish(1))
    wanted = fields_of("badminton", title="New")
    plan = series_edits.plan("badminton", wanted, seen=None)
    with transaction() as db:
        db.get_one(ClubSession, the(ClubSession, slug=second).id).title = "Somebody was faster"
    with pytest.raises(ChangedMeanwhile):
        series_edits.edit_following("badminton", wanted, ACTOR, seen=None, confirmed=plan.fingerprint)
    with pytest.raises(ChangedMeanwhile):
        series_edits.plan("badminton", wanted, seen="an old page")
    assert {row.title for row in all_of(ClubSession)}.isdisjoint({"New"})


@pytest.mark.databases("sqlite")
def test_what_is_over_or_cancelled_does_not_follow(app: Flask, clock: FakeClock) -> None:
    badminton()
    slugs = repeated("badminton", wish(3, status=SessionStatus.PUBLISHED))
    with transaction() as db:
        db.get_one(ClubSession, the(ClubSession, slug=slugs[1]).id).status = SessionStatus.CANCELLED
    edited("badminton", fields_of("badminton", title="New"))
    assert [row.title == "New" for row in all_of(ClubSession)] == [True, True, False, True]
