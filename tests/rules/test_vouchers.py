"""What a code takes off which lines: scope, rounding, never below nothing, and never a few cents that no card pays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.rules.statuses import ItemKind
from app.rules.vouchers import CODE, Line, Voucher, VoucherKind, VoucherScope, fits, normalise, savings, usable

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PLACES = Line(ItemKind.REGISTRATION, 7, 1200, 2)
MEMBERSHIP = Line(ItemKind.MEMBERSHIP, 7, 6000, 1)


def percent(number: int, **changes: Any) -> Voucher:
    return Voucher(VoucherKind.PERCENTAGE, percent=number, **changes)


def amount(cents: int, **changes: Any) -> Voucher:
    return Voucher(VoucherKind.AMOUNT, amount_cents=cents, currency="NZD", **changes)


@pytest.mark.parametrize(
    ("voucher", "lines", "saved"),
    [
        (percent(25), [PLACES, MEMBERSHIP], [[300, 300], [1500]]),
        (percent(100), [PLACES], [[1200, 1200]]),
        (Voucher(VoucherKind.FREE), [PLACES, MEMBERSHIP], [[1200, 1200], [6000]]),
        (amount(500), [PLACES], [[500, 0]]),
        (amount(1500), [PLACES], [[1200, 300]]),
        (amount(99_999), [PLACES, MEMBERSHIP], [[1200, 1200], [6000]]),
        (percent(33), [Line(ItemKind.REGISTRATION, 7, 1250, 2)], [[413, 413]]),  # 412.5: half up, for each piece
        (percent(50, scope=VoucherScope.KIND, item_kind=ItemKind.MEMBERSHIP), [PLACES, MEMBERSHIP], [[0, 0], [3000]]),
        (percent(50, scope=VoucherScope.SESSION, club_session_id=7), [PLACES, MEMBERSHIP], [[600, 600], [0]]),
        (percent(50, scope=VoucherScope.SESSION, club_session_id=8), [PLACES, MEMBERSHIP], [[0, 0], [0]]),
        (percent(99), [Line(ItemKind.REGISTRATION, 7, 1200, 1)], [[1150]]),  # 12 cents would be left: 50 are
        (amount(2380), [PLACES], [[1200, 1150]]),
        (percent(50), [Line(ItemKind.REGISTRATION, 7, 0, 2)], [[0, 0]]),
        (Voucher(VoucherKind.AMOUNT, amount_cents=500, currency="EUR"), [PLACES], [[0, 0]]),
    ],
)
def test_savings(voucher: Voucher, lines: list[Line], saved: list[list[int]]) -> None:
    assert savings(voucher, lines, "NZD") == saved


def test_what_remains_is_nothing_or_chargeable_whatever_the_percentage_and_the_price() -> None:
    for number in range(1, 101):
        for cents in (50, 51, 99, 100, 149, 1200, 1999):
            line = Line(ItemKind.REGISTRATION, 7, cents, 3)
            [saved] = savings(percent(number), [line], "NZD")
            left = cents * 3 - sum(saved)
            assert left == 0 or left >= 50
            assert all(0 <= piece <= cents for piece in saved)


@pytest.mark.parametrize(("currency", "step"), [("KWD", 10), ("ISK", 100)])
def test_what_remains_can_be_paid_in_currencies_without_the_smallest_coins(currency: str, step: int) -> None:
    for number in range(1, 101):
        for pieces in (1, 5, 10, 123):
            line = Line(ItemKind.REGISTRATION, 7, pieces * step, 3)
            [saved] = savings(percent(number), [line], currency)
            assert all(piece % step == 0 and 0 <= piece <= pieces * step for piece in saved)


@pytest.mark.parametrize(
    ("changes", "is_member", "can"),
    [
        ({}, False, True),
        ({"members_only": True}, False, False),
        ({"members_only": True}, True, True),
        ({"starts_at": NOW}, False, True),
        ({"starts_at": NOW + timedelta(seconds=1)}, False, False),
        ({"ends_at": NOW}, False, False),
        ({"ends_at": NOW + timedelta(seconds=1)}, False, True),
    ],
)
def test_usable(changes: dict[str, Any], is_member: bool, can: bool) -> None:
    assert usable(percent(10, **changes), NOW, is_member=is_member) is can


def test_session_scope_is_for_places_alone_whatever_else_has_that_number() -> None:
    voucher = percent(10, scope=VoucherScope.SESSION, club_session_id=7)
    assert fits(voucher, PLACES) and not fits(voucher, MEMBERSHIP)


@pytest.mark.parametrize(("typed", "code"), [(" summer ", "SUMMER"), ("two words", "TWOWORDS"), (None, ""), ("a-1", "A-1")])
def test_code_is_read_without_regard_to_case_and_spaces(typed: str | None, code: str) -> None:
    assert normalise(typed) == code


@pytest.mark.parametrize("code", ["AB", "-AB", "ÄÖÜ", "A_B", "A" * 41, ""])
def test_what_is_no_code(code: str) -> None:
    assert not CODE.fullmatch(code)
