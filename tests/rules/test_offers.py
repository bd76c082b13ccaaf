"""How long an offered place waits for a yes: a day, less as the start nears, nights not counted while the start is far away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import offers

ZONE = "Pacific/Auckland"
AUCKLAND = ZoneInfo(ZONE)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ("Pacific/Auckland", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe")


def local(text: str) -> datetime:
    """A moment by Auckland's clocks, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=AUCKLAND).astimezone(UTC)


@pytest.mark.parametrize(
    ("before_start", "answer"),
    [
        (30 * DAY, DAY), (48 * HOUR + MINUTE, DAY), (48 * HOUR, 2 * HOUR), (12 * HOUR + MINUTE, 2 * HOUR),
        (12 * HOUR, 30 * MINUTE), (3 * HOUR + MINUTE, 30 * MINUTE), (3 * HOUR, 10 * MINUTE), (MINUTE, 10 * MINUTE),
    ],
)  # fmt: skip
def test_time_to_answer_shortens_as_the_start_nears(before_start: timedelta, answer: timedelta) -> None:
    starts_at = local("2026-03-10 18:00")
    assert offers.time_to_answer(starts_at - before_start, starts_at) == answer


@pytest.mark.parametrize(
    ("offered", "starts", "ends"),
    [
        # A day: at the same time tomorrow, or in the morning when that is at night.
        ("2026-03-03 10:00", "2026-03-10 18:00", "2026-03-04 10:00"),
        ("2026-03-03 21:59", "2026-03-10 18:00", "2026-03-04 21:59"),
        ("2026-03-03 22:00", "2026-03-10 18:00", "2026-03-05 08:00"),
        ("2026-03-03 23:30", "2026-03-10 18:00", "2026-03-05 08:00"),
        ("2026-03-04 03:00", "2026-03-10 18:00", "2026-03-05 08:00"),
        ("2026-03-04 08:00", "2026-03-10 18:00", "2026-03-05 08:00"),
        # Two waking hours: the night in between does not count.
        ("2026-03-03 10:00", "2026-03-04 18:00", "2026-03-03 12:00"),
        ("2026-03-03 20:00", "2026-03-04 18:00", "2026-03-03 22:00"),
        ("2026-03-03 21:00", "2026-03-04 18:00", "2026-03-04 09:00"),
        ("2026-03-03 22:00", "2026-03-04 18:00", "2026-03-04 10:00"),
        ("2026-03-04 02:00", "2026-03-04 18:00", "2026-03-04 10:00"),
        # Nearer than twelve hours: nights count like days.
        ("2026-03-03 21:50", "2026-03-04 07:00", "2026-03-03 22:20"),
        ("2026-03-04 05:00", "2026-03-04 07:00", "2026-03-04 05:10"),
        # Never after the start.
        ("2026-03-04 06:55", "2026-03-04 07:00", "2026-03-04 07:00"),
        ("2026-03-04 07:00", "2026-03-04 07:00", "2026-03-04 07:00"),
        ("2026-03-03 19:00", "2026-03-04 07:30", "2026-03-03 21:00"),
        ("2026-03-03 21:00", "2026-03-04 09:30", "2026-03-04 09:00"),
        ("2026-03-03 21:30", "2026-03-04 09:31", "2026-03-04 09:30"),
    ],
)  # fmt: skip
def test_deadline_by_the_clocks_of_the_session(offered: str, starts: str, ends: str) -> None:
    assert offers.deadline(local(offered), local(starts), ZONE) == local(ends)


def test_day_on_which_summer_time_ends_has_twenty_five_hours() -> None:
    """5 April 2026, 3:00 → 2:00 in Auckland: a day's notice is 24 real hours, and a morning is eight by the clock on the wall."""
    assert offers.deadline(local("2026-04-04 10:00"), local("2026-04-20 18:00"), ZONE) == local("2026-04-05 09:00")
    assert offers.deadline(local("2026-04-04 21:30"), local("2026-04-05 18:00"), ZONE) == local("2026-04-05 09:30")


def test_day_on_which_summer_time_begins_has_twenty_three_hours() -> None:
    """27 September 2026, 2:00 → 3:00."""
    assert offers.deadline(local("2026-09-26 10:00"), local("2026-10-20 18:00"), ZONE) == local("2026-09-27 11:00")
    assert offers.deadline(local("2026-09-26 21:30"), local("2026-09-27 18:00"), ZONE) == local("2026-09-27 09:30")


def test_night_is_the_sessions_and_not_the_servers() -> None:
    offered, starts = datetime(2026, 3, 3, 21, 30, tzinfo=UTC), datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
    assert offers.deadline(offered, starts, "UTC") == datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    assert offers.deadline(offered, starts, ZONE) == offered + 2 * HOUR  # half past ten in the morning there


moments = st.datetimes(datetime(2024, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))
spans = st.timedeltas(timedelta(0), timedelta(days=60))


@given(moments, spans, st.sampled_from(ZONES))
def test_offer_ends_after_it_begins_and_never_after_the_start(offered: datetime, ahead: timedelta, zone: str) -> None:
    ends = offers.deadline(offered, offered + ahead, zone)
    assert offered <= ends <= offered + ahead


@given(moments, spans, st.sampled_from(ZONES))
def test_nobody_has_less_than_the_published_time(offered: datetime, ahead: timedelta, zone: str) -> None:
    starts = offered + ahead
    ends = offers.deadline(offered, starts, zone)
    assert ends == starts or ends - offered >= offers.time_to_answer(offered, starts)


@given(moments, st.timedeltas(timedelta(hours=12, seconds=1), timedelta(days=60)), st.sampled_from(ZONES))
def test_no_offer_runs_out_while_people_sleep_unless_the_start_is_near(offered: datetime, ahead: timedelta, zone: str) -> None:
    starts = offered + ahead
    ends = offers.deadline(offered, starts, zone)
    by_day = offers.WAKES <= ends.astimezone(ZoneInfo(zone)).time() <= offers.SLEEPS
    assert by_day or ends == starts


@given(moments, spans, st.sampled_from(ZONES), st.timedeltas(timedelta(0), timedelta(hours=6)))
def test_mail_that_leaves_later_never_shortens_what_is_left_to_answer(
    offered: datetime, ahead: timedelta, zone: str, late: timedelta
) -> None:
    """The clock starts when the mail was handed over: within one rung of the ladder the deadline only moves on."""
    starts = offered + ahead
    handed = min(offered + late, starts)
    same_rung = offers.time_to_answer(offered, starts) == offers.time_to_answer(handed, starts)
    both_far = (starts - offered <= offers.NEAR) == (starts - handed <= offers.NEAR)
    if same_rung and both_far:
        assert offers.deadline(handed, starts, zone) >= offers.deadline(offered, starts, zone)
