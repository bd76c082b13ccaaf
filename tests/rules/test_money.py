"""Money stays whole: minor units to words and back without loss, one rounding rule, Stripe's minimums."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import money

CURRENCIES = st.sampled_from(["NZD", "USD", "JPY", "KWD", "EUR", "VND", "BHD", "ISK", "nzd"])


@pytest.mark.parametrize(
    ("currency", "digits", "cents", "amount"),
    [("NZD", 2, 1200, "12.00"), ("jpy", 0, 1200, "1200"), ("KWD", 3, 1200, "1.200"), ("EUR", 2, 5, "0.05"),
     ("USD", 2, -5, "-0.05")],
)
def test_minor_units_are_written_with_the_currencys_digits(currency: str, digits: int, cents: int, amount: str) -> None:
    assert money.exponent(currency) == digits
    assert str(money.to_decimal(cents, currency)) == amount


@given(st.integers(-(10**12), 10**12), CURRENCIES)
def test_there_and_back_is_the_same_amount(number: int, currency: str) -> None:
    cents = number * money.step(currency)
    assert money.from_decimal(money.to_decimal(cents, currency), currency) == cents


@pytest.mark.parametrize(
    ("amount", "currency"), [("12.005", "NZD"), ("1.5", "JPY"), ("0.0001", "KWD"), ("1.205", "kwd"), ("100.50", "ISK")]
)
def test_amount_finer_than_what_stripe_moves_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more digits"):
        money.from_decimal(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("cents", "percent", "share"),
    [(1200, 50, 600), (1201, 50, 601), (1, 50, 1), (1, 49, 0), (999, 33, 330), (0, 50, 0), (9, 0, 0), (12, 100, 12), (3, 150, 5)],
)
def test_percentage_is_rounded_half_up(cents: int, percent: int, share: int) -> None:
    assert money.percentage(cents, percent) == share


@pytest.mark.parametrize(
    ("currency", "step", "digits"), [("NZD", 1, 2), ("JPY", 1, 0), ("KWD", 10, 2), ("tnd", 10, 2), ("ISK", 100, 0)]
)
def test_few_currencies_are_moved_in_more_than_one_minor_unit(currency: str, step: int, digits: int) -> None:
    assert (money.step(currency), money.digits(currency)) == (step, digits)
    assert money.from_decimal(money.to_decimal(step, currency), currency) == step


@given(st.integers(0, 10**9), st.integers(0, 100), st.sampled_from([1, 10, 100]))
def test_percentage_of_what_can_be_paid_can_be_paid(number: int, percent: int, step: int) -> None:
    share = money.percentage(number * step, percent, step)
    assert share % step == 0 and 0 <= share <= number * step
    assert abs(Decimal(share) - Decimal(number * step) * percent / 100) <= Decimal(step) / 2


@given(st.integers(0, 10**9), st.integers(0, 100))
def test_percentage_never_exceeds_and_is_within_half_a_unit(cents: int, percent: int) -> None:
    share = money.percentage(cents, percent)
    assert 0 <= share <= cents
    assert abs(Decimal(share) - Decimal(cents) * percent / 100) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("cents", "currency", "fine"),
    [(0, "NZD", True), (49, "NZD", False), (50, "nzd", True), (29, "GBP", False), (30, "GBP", True), (1, "ZAR", True),
     (-1, "NZD", False), (1205, "KWD", False), (1200, "KWD", True), (5, "bhd", False), (10050, "ISK", False), (100, "ISK", True)],
)
def test_amount_that_stripe_would_not_take_is_known(cents: int, currency: str, fine: bool) -> None:
    assert money.chargeable(cents, currency) is fine
