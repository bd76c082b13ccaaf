"""How long a place is kept, and that no more goes back than came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import holds, refunds

NOW = datetime(2026, 3, 2, 21, 0, 0, 250_000, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(("hold_minutes", "checkout_minutes"), [(1, 35), (30, 35), (35, 35), (36, 36), (60, 60), (1430, 1430)])
def test_checkout_ends_with_the_hold_but_never_before_stripe_allows(hold_minutes: int, checkout_minutes: int) -> None:
    assert holds.hold_expires_at(NOW, hold_minutes) == NOW + hold_minutes * MINUTE
    assert holds.checkout_expires_at(NOW, hold_minutes) == (NOW + checkout_minutes * MINUTE).replace(microsecond=0)


@given(st.integers(1, 24 * 60 - 10), st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_checkout_is_within_stripes_bounds(hold_minutes: int, now: datetime) -> None:
    """Stripe takes 30 minutes to 24 hours from when the call reaches it; a slow retry of the same parameters must still fit."""
    ahead = holds.checkout_expires_at(now, hold_minutes) - now
    assert 34 * MINUTE < ahead < DAY
    assert ahead > (holds.hold_expires_at(now, hold_minutes) - now) - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("captured", "promised", "left"), [(1200, 0, 1200), (1200, 500, 700), (1200, 1200, 0), (1200, 1300, 0), (0, 0, 0)]
)
def test_what_is_left_to_refund(captured: int, promised: int, left: int) -> None:
    assert refunds.refundable_cents(captured, promised) == left


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**5), max_size=12))
def test_refunds_never_add_up_to_more_than_was_captured(captured: int, wishes: list[int]) -> None:
    promised = 0
    for wish in wishes:
        promised += min(wish, refunds.refundable_cents(captured, promised))
    assert promised <= captured
