"""What goes back to whom: the terms of a session when somebody cancels, and whose place somebody else has taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.refunds import Terms, after_change, replaced
from app.rules.statuses import RefundPolicy

STARTS = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
UNTIL = STARTS - timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("policy", "percent", "fee", "paid", "back"),
    [
        (RefundPolicy.FULL, 50, 300, 1200, 1200), (RefundPolicy.NONE, 100, 0, 1200, 0),
        (RefundPolicy.PERCENTAGE, 50, 0, 1200, 600), (RefundPolicy.PERCENTAGE, 0, 0, 1200, 0),
        (RefundPolicy.PERCENTAGE, 100, 0, 1200, 1200), (RefundPolicy.PERCENTAGE, 50, 0, 1, 1),
        (RefundPolicy.PERCENTAGE, 50, 0, 1201, 601), (RefundPolicy.FEE_KEPT, 100, 200, 1200, 1000),
        (RefundPolicy.FEE_KEPT, 100, 1200, 1200, 0), (RefundPolicy.FEE_KEPT, 100, 5000, 1200, 0),
        (RefundPolicy.FEE_KEPT, 100, 200, 0, 0),
    ],
)  # fmt: skip
def test_what_goes_back_under_each_policy(policy: RefundPolicy, percent: int, fee: int, paid: int, back: int) -> None:
    assert Terms(policy, UNTIL, percent, fee).back_cents(paid) == back


@pytest.mark.parametrize(("percent", "paid", "step", "back"), [(50, 1210, 10, 610), (33, 1210, 10, 400), (50, 10100, 100, 5100),
                                                               (100, 1205, 10, 1205), (99, 10, 10, 10)])  # fmt: skip
def test_part_that_goes_back_is_one_that_stripe_moves(percent: int, paid: int, step: int, back: int) -> None:
    assert Terms(RefundPolicy.PERCENTAGE, UNTIL, percent, step=step).back_cents(paid) == back


@given(st.sampled_from(RefundPolicy), st.integers(0, 100), st.integers(0, 10_000), st.integers(0, 10**6))
def test_never_less_than_nothing_nor_more_than_was_paid(policy: RefundPolicy, percent: int, fee: int, paid: int) -> None:
    assert 0 <= Terms(policy, UNTIL, percent, fee).back_cents(paid) <= paid


@pytest.mark.parametrize(
    ("policy", "until", "now", "in_time"),
    [
        (RefundPolicy.FULL, UNTIL, UNTIL, True), (RefundPolicy.FULL, UNTIL, UNTIL + SECOND, False),
        (RefundPolicy.FULL, None, UNTIL, False), (RefundPolicy.NONE, UNTIL, UNTIL - SECOND, False),
        (RefundPolicy.FULL, STARTS + timedelta(days=1), STARTS, True),
        (RefundPolicy.FULL, STARTS + timedelta(days=1), STARTS + SECOND, False),
        (RefundPolicy.PERCENTAGE, UNTIL, UNTIL, True), (RefundPolicy.FEE_KEPT, UNTIL, UNTIL, True),
    ],
)  # fmt: skip
def test_until_when_cancelling_gives_something_back(
    policy: RefundPolicy, until: datetime | None, now: datetime, in_time: bool
) -> None:
    assert Terms(policy, until).in_time(STARTS, now) is in_time


@pytest.mark.parametrize(
    ("capacity", "confirmed", "wishes", "done"),
    [
        (10, 10, [], []),
        (10, 9, [(1, 1)], []),
        (10, 10, [(1, 1)], [1]),
        (10, 8, [(1, 1), (2, 1)], []),
        (10, 9, [(1, 1), (2, 1)], [1]),
        (10, 10, [(1, 1), (2, 1)], [1, 2]),
        (10, 9, [(1, 2)], []),
        (10, 9, [(1, 2), (2, 1)], [1]),
        (10, 5, [(1, 1)], []),
        (10, 12, [(1, 1)], [1]),
        (0, 0, [(1, 1)], [1]),
    ],
)  # fmt: skip
def test_first_to_ask_is_first_refunded_once_somebody_sits_there(
    capacity: int, confirmed: int, wishes: list[tuple[int, int]], done: list[int]
) -> None:
    assert replaced(capacity, confirmed, wishes) == done


places = st.lists(st.integers(1, 4), max_size=6)


@given(st.integers(0, 30), st.integers(0, 30), places)
def test_wishes_are_met_from_the_oldest_on(capacity: int, confirmed: int, wished: list[int]) -> None:
    done = replaced(capacity, confirmed, list(enumerate(wished)))
    assert done == list(range(len(done)))


@given(st.integers(0, 30), st.integers(0, 30), places)
def test_nobody_is_refunded_for_a_place_that_stays_empty(capacity: int, confirmed: int, wished: list[int]) -> None:
    """Whatever is empty is at most what younger, unmet wishes gave up."""
    done = replaced(capacity, confirmed, list(enumerate(wished)))
    if done:
        assert max(0, capacity - confirmed) <= sum(wished[len(done) :])


@given(st.integers(0, 30), st.integers(0, 30), places)
def test_one_more_confirmed_never_undoes_a_wish(capacity: int, confirmed: int, wished: list[int]) -> None:
    wishes = list(enumerate(wished))
    assert len(replaced(capacity, confirmed + 1, wishes)) >= len(replaced(capacity, confirmed, wishes))


@pytest.mark.parametrize(
    ("agreed", "changed", "all_back"),
    [(0, None, False), (0, 1, True), (1, 1, True), (2, 1, False)],
)
def test_whoever_booked_before_the_change_may_have_all_back(agreed: int, changed: int | None, all_back: bool) -> None:
    own, day = Terms(RefundPolicy.NONE, None), STARTS - timedelta(days=9)
    terms = after_change(own, STARTS, day + agreed * SECOND, None if changed is None else day + changed * SECOND)
    assert terms == (Terms(RefundPolicy.FULL, STARTS) if all_back else own)
    assert terms.in_time(STARTS, STARTS - SECOND) is all_back
