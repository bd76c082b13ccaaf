"""Money stays whole: minor units to words and back without loss, one rounding rule, Stripe's minimums."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import money

CURRENCIES = st.sampled_from(["NZD", "USD", "JPY", "KWD", "EUR", "VND", "BHD", "nzd"])


@pytest.mark.parametrize(
    ("currency", "digits", "cents", "amount"),
    [("NZD", 2, 1200, "12.00"), ("jpy", 0, 1200, "1200"), ("KWD", 3, 1200, "1.200"), ("EUR", 2, 5, "0.05"),
     ("USD", 2, -5, "-0.05")],
)
def test_minor_units_are_written_with_the_currencys_digits(currency: str, digits: int, cents: int, amount: str) -> None:
    assert money.exponent(currency) == digits
    assert str(money.to_decimal(cents, currency)) == amount


@given(st.integers(-(10**12), 10**12), CURRENCIES)
def test_there_and_back_is_the_same_amount(cents: int, currency: str) -> None:
    assert money.from_decimal(money.to_decimal(cents, currency), currency) == cents


@pytest.mark.parametrize(("amount", "currency"), [("12.005", "NZD"), ("1.5", "JPY"), ("0.0001", "KWD")])
def test_amount_finer_than_the_minor_unit_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more digits"):
        money.from_decimal(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("cents", "percent", "share"),
    [(1200, 50, 600), (1201, 50, 601), (1, 50, 1), (1, 49, 0), (999, 33, 330), (0, 50, 0), (9, 0, 0), (12, 100, 12), (3, 150, 5)],
)
def test_percentage_is_rounded_half_up(cents: int, percent: int, share: int) -> None:
    assert money.percentage(cents, percent) == share


@given(st.integers(0, 10**9), st.integers(0, 100))
def test_percentage_never_exceeds_and_is_within_half_a_unit(cents: int, percent: int) -> None:
    share = money.percentage(cents, percent)
    assert 0 <= share <= cents
    assert abs(Decimal(share) - Decimal(cents) * percent / 100) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("cents", "currency", "fine"),
    [(0, "NZD", True), (49, "NZD", False), (50, "nzd", True), (29, "GBP", False), (30, "GBP", True), (1, "ZAR", True),
     (-1, "NZD", False)],
)
def test_amount_that_stripe_would_not_take_is_known(cents: int, currency: str, fine: bool) -> None:
    assert money.chargeable(cents, currency) is fine
