"""Everybody is told of each change once, and from what they know: checked against counting one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from app.rules.telling import gaps, moved_in


def test_first_change_is_told_to_everybody() -> None:
    assert gaps([], 7) == [(0, 7)]
    assert gaps([], 0) == []


def test_whoever_still_waits_for_an_earlier_change_is_left_to_it() -> None:
    assert gaps([(3, 5)], 7) == [(0, 3), (5, 7)]
    assert gaps([(0, 7)], 7) == []
    assert gaps([(0, 9)], 7) == [], "the newest of those who waited have left meanwhile"


def test_ranges_cover_each_booking_exactly_once() -> None:
    random = Random(1)  # noqa: S311 - the same tries each time
    for _ in range(300):
        cuts = sorted(random.sample(range(20), 6))
        waiting = [(cuts[0], cuts[1]), (cuts[2], cuts[3]), (cuts[4], cuts[5])][: random.randrange(4)]
        random.shuffle(waiting)
        up_to = random.randrange(25)
        covered = [n for after, last in gaps(waiting, up_to) for n in range(after + 1, last + 1)]
        assert covered == [n for n in range(1, up_to + 1) if not any(after < n <= last for after, last in waiting)]


def test_who_was_moved_in_after_the_changes_that_wait_is_told_of_the_next() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    before, after = at - timedelta(minutes=1), at + timedelta(minutes=1)
    assert moved_in([(0, 7, at)], [(3, before), (4, at), (5, after), (9, after)]) == [(4, 5)]
    assert moved_in([(0, 7, at), (4, 5, after)], [(5, after)]) == [], "the second of them is told to it already"
    assert moved_in([], [(5, after)]) == []
