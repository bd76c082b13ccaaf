"""What a booking costs and why; and that the price shown is the price paid (promise 15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import pricing
from app.rules.pricing import Prices, Reason
from app.rules.refusals import PriceChanged

CENTS = st.none() | st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("member", "usual", "is_member", "unit", "reason", "saved"),
    [
        (800, 1200, False, 1200, Reason.NON_MEMBER, 0),
        (800, 1200, True, 800, Reason.MEMBER, 400),
        (None, 1200, True, 1200, Reason.NON_MEMBER, 0),
        (0, 1200, True, 0, Reason.MEMBER, 1200),
        (0, 1200, False, 1200, Reason.NON_MEMBER, 0),
        (1500, 1200, True, 1200, Reason.NON_MEMBER, 0),  # membership never costs more
        (None, None, False, 0, Reason.FREE, 0),
        (None, 0, True, 0, Reason.FREE, 0),
        (800, None, True, 0, Reason.FREE, 0),
    ],
)
def test_price_of_one_place(
    member: int | None, usual: int | None, is_member: bool, unit: int, reason: Reason, saved: int
) -> None:
    quote = pricing.quote(Prices(member, usual, "NZD"), is_member=is_member)
    assert (quote.unit_cents, quote.reason, quote.saved_cents, quote.is_free) == (unit, reason, saved, unit == 0)


@given(CENTS, CENTS, st.integers(1, 20), st.booleans())
def test_members_never_pay_more_and_the_total_is_all_places(
    member: int | None, usual: int | None, places: int, is_member: bool
) -> None:
    prices = Prices(member, usual, "NZD")
    quote = pricing.quote(prices, places, is_member=is_member)
    stranger = pricing.quote(prices, places)
    assert quote.total_cents == quote.unit_cents * places >= 0
    assert quote.total_cents + quote.saved_cents == stranger.total_cents
    assert quote.saved_cents >= 0 and quote.is_free == (quote.total_cents == 0)


@pytest.mark.parametrize("expected", [None, 0, 1199, 1201, 2400, -1200])
def test_another_price_than_shown_is_refused(expected: int | None) -> None:
    quote = pricing.quote(Prices(None, 1200, "NZD"), 2)
    with pytest.raises(PriceChanged) as refused:
        pricing.check_expected(quote, expected)
    assert refused.value.params == {"unit_cents": 1200, "currency": "NZD"}


def test_price_as_shown_is_taken() -> None:
    pricing.check_expected(pricing.quote(Prices(None, 1200, "NZD"), 2), 1200)
    pricing.check_expected(pricing.quote(Prices(None, None, "NZD")), 0)
