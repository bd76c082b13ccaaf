"""What a booking costs and why. One function quotes; every page, the order and Stripe show that quote (promise 15)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .refusals import PriceChanged


@dataclass(frozen=True, slots=True)
class Prices:
    """A club session's prices in minor units of ``currency``; None or 0 is free. No member price: members pay the other."""

    member_cents: int | None
    non_member_cents: int | None
    currency: str


class Reason(StrEnum):
    FREE = "free"
    MEMBER = "member"
    NON_MEMBER = "non_member"


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a booking: ``unit_cents`` for one place, ``total_cents`` for all, ``saved_cents`` against non-members."""

    unit_cents: int
    places: int
    total_cents: int
    saved_cents: int
    currency: str
    reason: Reason

    @property
    def is_free(self) -> bool:
        return self.total_cents == 0


def quote(prices: Prices, places: int = 1, *, is_member: bool = False) -> Quote:
    """Quote ``places`` places for somebody who is or is not a member now."""
    usual = prices.non_member_cents or 0
    unit, reason = usual, Reason.NON_MEMBER
    if is_member and prices.member_cents is not None and prices.member_cents < usual:
        unit, reason = prices.member_cents, Reason.MEMBER
    if unit == 0 and reason is not Reason.MEMBER:
        reason = Reason.FREE
    return Quote(unit, places, unit * places, (usual - unit) * places, prices.currency, reason)


def check_expected(quoted: Quote, expected_cents: int | None) -> None:
    """Raise PriceChanged unless the page the person saw showed this price for one place."""
    if expected_cents != quoted.unit_cents:
        raise PriceChanged(unit_cents=quoted.unit_cents, currency=quoted.currency)
