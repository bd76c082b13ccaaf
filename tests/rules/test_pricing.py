"""What a booking costs and why; and that the price shown is the price paid (promise 15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import pricing
from app.rules.pricing import Line, Prices, Reason, price_of_last, shared_out
from app.rules.refusals import PriceChanged

CENTS = st.none() | st.integers(0, 100_000)
NOW = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
PRICES = st.builds(
    Prices, CENTS, CENTS, st.just("NZD"), CENTS, st.none() | st.sampled_from([NOW, NOW + timedelta(seconds=1)]), CENTS, CENTS
)


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


@pytest.mark.parametrize(
    ("who", "early", "unit", "guest", "reason"),
    [
        ({}, False, 1200, 1200, Reason.NON_MEMBER),
        ({}, True, 1000, 1000, Reason.EARLY),
        ({"is_member": True}, False, 800, 1200, Reason.MEMBER),
        ({"is_member": True}, True, 700, 1000, Reason.EARLY_MEMBER),
        ({"is_student": True}, False, 900, 1200, Reason.STUDENT),
        ({"is_student": True}, True, 900, 1000, Reason.STUDENT),
        ({"is_member": True, "is_student": True}, False, 800, 1200, Reason.MEMBER),
    ],
)
def test_own_place_has_the_lowest_price_and_guests_pay_what_anybody_pays(
    who: dict[str, Any], early: bool, unit: int, guest: int, reason: Reason
) -> None:
    prices = Prices(800, 1200, "NZD", 900, NOW, 700, 1000)
    quote = pricing.quote(prices, 3, now=NOW - timedelta(seconds=1) if early else NOW, **who)
    assert (quote.unit_cents, quote.guest_cents, quote.reason) == (unit, guest, reason)
    assert (quote.total_cents, quote.saved_cents) == (unit + 2 * guest, 3600 - unit - 2 * guest)


def test_early_price_of_others_is_lower_than_the_members_own() -> None:
    quote = pricing.quote(Prices(800, 1200, "NZD", None, NOW, None, 500), is_member=True, now=NOW - timedelta(days=1))
    assert (quote.unit_cents, quote.reason, quote.saved_cents) == (500, Reason.EARLY, 700)


def test_early_price_above_the_usual_is_none() -> None:
    quote = pricing.quote(Prices(None, 1200, "NZD", None, NOW, None, 1300), now=NOW - timedelta(days=1))
    assert (quote.unit_cents, quote.reason) == (1200, Reason.NON_MEMBER)


def test_two_lines_where_guests_pay_another_price_and_one_where_they_do_not() -> None:
    prices = Prices(800, 1200, "NZD")
    member = pricing.quote(prices, 3, is_member=True)
    assert member.lines == (Line(800, 1, Reason.MEMBER, 400), Line(1200, 2, Reason.NON_MEMBER, 0))
    assert pricing.quote(prices, 3).lines == (Line(1200, 3, Reason.NON_MEMBER, 0),)
    assert pricing.quote(prices, 1, is_member=True).lines == (Line(800, 1, Reason.MEMBER, 400),)


def test_free_for_members_and_their_guests_pay() -> None:
    quote = pricing.quote(Prices(0, 1200, "NZD"), 2, is_member=True)
    assert (quote.unit_cents, quote.total_cents, quote.is_free) == (0, 1200, False)


@given(PRICES, st.integers(1, 20), st.booleans(), st.booleans(), st.none() | st.just(NOW))
def test_quote_adds_up_whoever_asks(
    prices: Prices, places: int, is_member: bool, is_student: bool, now: datetime | None
) -> None:
    quote = pricing.quote(prices, places, is_member=is_member, is_student=is_student, now=now)
    usual = prices.non_member_cents or 0
    assert quote.total_cents == quote.unit_cents + quote.guest_cents * (places - 1) == sum(x.total_cents for x in quote.lines)
    assert quote.total_cents + quote.saved_cents == usual * places
    assert sum(line.places for line in quote.lines) == quote.places == places
    assert min(line.saved_cents for line in quote.lines) >= 0 and quote.is_free == (quote.total_cents == 0)
    assert 0 <= quote.unit_cents <= quote.guest_cents <= usual


@given(PRICES, st.integers(1, 20), st.booleans(), st.booleans(), st.none() | st.just(NOW))
def test_being_more_never_costs_more_and_helps_one_place_only(
    prices: Prices, places: int, is_member: bool, is_student: bool, now: datetime | None
) -> None:
    quote = pricing.quote(prices, places, is_member=is_member, is_student=is_student, now=now)
    stranger = pricing.quote(prices, places, now=now)
    assert quote.guest_cents == stranger.unit_cents
    assert 0 <= stranger.total_cents - quote.total_cents <= stranger.unit_cents
    for more in ({"is_member": True, "is_student": is_student}, {"is_member": is_member, "is_student": True}):
        assert pricing.quote(prices, places, now=now, **more).total_cents <= quote.total_cents


@pytest.mark.parametrize("expected", [None, 0, 1199, 1201, 2400, -1200])
def test_another_price_than_shown_is_refused(expected: int | None) -> None:
    quote = pricing.quote(Prices(None, 1200, "NZD"), 2)
    with pytest.raises(PriceChanged) as refused:
        pricing.check_expected(quote, expected)
    assert refused.value.params == {"unit_cents": 1200, "currency": "NZD"}


def test_price_as_shown_is_taken() -> None:
    pricing.check_expected(pricing.quote(Prices(None, 1200, "NZD"), 2), 1200)
    pricing.check_expected(pricing.quote(Prices(None, 1200, "NZD"), 2), 1200, expected_total_cents=2400)
    pricing.check_expected(pricing.quote(Prices(None, None, "NZD")), 0)
    joined = pricing.quote(Prices(800, 1200, "NZD"), is_member=True)
    pricing.check_expected(joined, 800, total_cents=2300, expected_total_cents=2300)


@pytest.mark.parametrize("expected_total", [0, 2400, 1999])
def test_another_total_than_shown_is_refused_though_the_own_place_costs_the_same(expected_total: int) -> None:
    quote = pricing.quote(Prices(800, 1200, "NZD"), 2, is_member=True)
    with pytest.raises(PriceChanged):
        pricing.check_expected(quote, 800, expected_total_cents=expected_total)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.integers(0, 3000), st.sampled_from([1, 10, 100]))
def test_shares_of_a_discount_add_up_and_can_be_paid(numbers: list[int], off: int, step: int) -> None:
    prices = [number * step for number in numbers]
    cents = min(off, sum(numbers)) * step
    shares = shared_out(cents, prices, step)
    assert sum(shares) == cents and all(share % step == 0 for share in shares)
    assert all(0 <= share <= price for share, price in zip(shares, prices, strict=True))
    whole = [price + 5 for price in prices]  # set before there was a step
    shares = shared_out(sum(whole), whole, step)
    assert shares == whole


@pytest.mark.parametrize(("given_up", "step", "share"), [(1, 1, 333), (1, 10, 330), (2, 10, 660), (3, 10, 1000), (3, 100, 1000)])
def test_share_of_places_given_up_can_be_paid_and_all_is_all(given_up: int, step: int, share: int) -> None:
    assert price_of_last([500], 1000, 3, given_up, step) == share
