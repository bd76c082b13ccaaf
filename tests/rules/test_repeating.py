"""Weekly by the clock on the wall, across both changes of Auckland's clocks and where a clock skips or repeats an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.rules.repeating import MOST_WEEKS, WEEK, moved, moved_span, wall, weekly_days

AUCKLAND = "Pacific/Auckland"
DAY = timedelta(days=1)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_days_are_a_week_apart_for_so_many_weeks_or_until_a_date_and_with_it() -> None:
    first = date(2026, 3, 20)
    assert weekly_days(first, weeks=3) == [date(2026, 3, 27), date(2026, 4, 3), date(2026, 4, 10)]
    assert weekly_days(first, until=date(2026, 4, 10)) == weekly_days(first, weeks=3)
    assert weekly_days(first, until=date(2026, 4, 9)) == weekly_days(first, weeks=2)
    assert weekly_days(first, until=first) == weekly_days(first, weeks=0) == []
    assert len(weekly_days(first, weeks=1000)) == len(weekly_days(first, until=date(2099, 1, 1))) == MOST_WEEKS
    for wrong in ({}, {"weeks": 1, "until": first}):
        with pytest.raises(ValueError, match="either"):
            weekly_days(first, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (at(2026, 4, 3, 5, 30), at(2026, 4, 10, 6, 30)),  # Auckland puts its clocks back on 5 April 2026
        (at(2026, 9, 25, 6, 30), at(2026, 10, 2, 5, 30)),  # and forward on 27 September
        (at(2026, 7, 3, 6, 30), at(2026, 7, 10, 6, 30)),
    ],
)
def test_half_past_six_stays_half_past_six_when_the_clocks_change(before: datetime, after: datetime) -> None:
    assert moved(before, AUCKLAND, WEEK) == after
    assert wall(before, AUCKLAND).time() == wall(after, AUCKLAND).time() and wall(after, AUCKLAND).hour == 18
    assert moved(after, AUCKLAND, -WEEK) == before


def test_the_day_is_the_one_there_and_not_that_of_utc() -> None:
    morning = at(2026, 4, 2, 21, 0)  # 10 in the morning of the 3rd in Auckland
    assert wall(moved(morning, AUCKLAND, WEEK), AUCKLAND) == datetime(2026, 4, 10, 10, 0)


def test_a_time_the_clocks_skip_is_as_much_later_as_they_jump() -> None:
    night = at(2026, 9, 19, 14, 30)  # 2:30 on Sunday the 20th; on the 27th there is no 2:30
    assert wall(moved(night, AUCKLAND, WEEK), AUCKLAND) == datetime(2026, 9, 27, 3, 30)


def test_a_time_that_comes_twice_is_the_first_but_what_does_not_move_stays() -> None:
    assert moved(at(2026, 3, 28, 13, 30), AUCKLAND, WEEK) == at(2026, 4, 4, 13, 30)
    second = at(2026, 4, 4, 14, 30)
    assert moved(second, AUCKLAND, timedelta()) == second


def test_an_end_never_comes_before_its_start() -> None:
    starts_at, ends_at = at(2026, 9, 19, 14, 30), at(2026, 9, 19, 15, 10)  # 2:30 to 3:10
    starts, ends = moved_span(starts_at, ends_at, AUCKLAND, WEEK)
    assert ends - starts == ends_at - starts_at and wall(starts, AUCKLAND) == datetime(2026, 9, 27, 3, 30)


def test_an_evening_over_the_change_ends_when_the_clocks_say_so() -> None:
    starts_at, ends_at = at(2026, 3, 28, 10, 0), at(2026, 3, 28, 15, 0)  # Saturday 11 pm to 4 am
    starts, ends = moved_span(starts_at, ends_at, AUCKLAND, WEEK)
    assert wall(ends, AUCKLAND) == datetime(2026, 4, 5, 4, 0) and ends - starts == timedelta(hours=6)


def test_other_zones_have_other_days() -> None:
    assert moved(at(2026, 3, 27, 18, 0), "Europe/Berlin", 2 * DAY) == at(2026, 3, 29, 17, 0)
