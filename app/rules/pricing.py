"""What a booking costs and why. One function quotes; every page, the order and Stripe show that quote (promise 15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .refusals import PriceChanged


@dataclass(frozen=True, slots=True)
class Prices:
    """A club session's prices in minor units of ``currency``; None or 0 is free, for the usual price.

    None for any other: there is none of that kind. The early ones hold before ``early_until`` (aware), where they are lower.
    """

    member_cents: int | None
    non_member_cents: int | None
    currency: str
    student_cents: int | None = None
    early_until: datetime | None = None
    early_member_cents: int | None = None
    early_non_member_cents: int | None = None

    def is_early(self, now: datetime | None) -> bool:
        """Whether the early prices hold at ``now``; None is a moment at which they do not."""
        return now is not None and self.early_until is not None and now < self.early_until


class Reason(StrEnum):
    FREE = "free"
    MEMBER = "member"
    NON_MEMBER = "non_member"
    STUDENT = "student"
    EARLY = "early"
    EARLY_MEMBER = "early_member"


@dataclass(frozen=True, slots=True)
class Line:
    """So many places at one price; ``saved_cents`` is what all of them save against the usual price."""

    unit_cents: int
    places: int
    reason: Reason
    saved_cents: int

    @property
    def total_cents(self) -> int:
        return self.unit_cents * self.places


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a booking: ``unit_cents`` for the person's own place, ``total_cents`` for all, ``saved_cents`` of all.

    ``reason`` is the own place's. ``lines`` add up to the total: the own place and, where they cost something else, the guests'.
    """

    unit_cents: int
    guest_cents: int
    places: int
    total_cents: int
    saved_cents: int
    currency: str
    reason: Reason
    lines: tuple[Line, ...]

    @property
    def is_free(self) -> bool:
        return self.total_cents == 0


def quote(
    prices: Prices, places: int = 1, *, is_member: bool = False, is_student: bool = False, now: datetime | None = None
) -> Quote:
    """Quote ``places`` places for somebody who is or is not a member or a student now.

    The person's own place, the first, costs the lowest price they are entitled to; the others are their guests' and cost what
    anybody pays. ``now`` None: without the early prices.
    """
    own = _lowest(prices, now, is_member=is_member, is_student=is_student)
    guest = _lowest(prices, now, is_member=False, is_student=False)
    lines = _lines(prices.non_member_cents or 0, places, own, guest)
    return Quote(
        unit_cents=own[0],
        guest_cents=guest[0],
        places=places,
        total_cents=sum(line.total_cents for line in lines),
        saved_cents=sum(line.saved_cents for line in lines),
        currency=prices.currency,
        reason=own[1],
        lines=lines,
    )


def _lowest(prices: Prices, now: datetime | None, *, is_member: bool, is_student: bool) -> tuple[int, Reason]:
    """The lowest price somebody is entitled to and why; of equal ones the plainest reason."""
    early, usual = prices.is_early(now), prices.non_member_cents or 0
    entitled: list[tuple[int | None, Reason]] = [
        (usual, Reason.NON_MEMBER if usual else Reason.FREE),
        (prices.early_non_member_cents if early else None, Reason.EARLY),
        (prices.member_cents if is_member else None, Reason.MEMBER),
        (prices.early_member_cents if is_member and early else None, Reason.EARLY_MEMBER),
        (prices.student_cents if is_student else None, Reason.STUDENT),
    ]
    return min(((cents, reason) for cents, reason in entitled if cents is not None), key=lambda pair: pair[0])


def _lines(usual: int, places: int, own: tuple[int, Reason], guest: tuple[int, Reason]) -> tuple[Line, ...]:
    if own == guest:
        return (Line(own[0], places, own[1], (usual - own[0]) * places),)
    first = Line(own[0], 1, own[1], usual - own[0])
    others = places - 1
    return (first, Line(guest[0], others, guest[1], (usual - guest[0]) * others)) if others else (first,)


def check_expected(
    quoted: Quote, expected_cents: int | None, *, total_cents: int | None = None, expected_total_cents: int | None = None
) -> None:
    """Raise PriceChanged unless the page the person saw showed this price for their own place.

    ``expected_total_cents``, when the page sent it, must be ``total_cents`` too: all places and whatever else the order holds.
    """
    total = quoted.total_cents if total_cents is None else total_cents
    if expected_cents != quoted.unit_cents or (expected_total_cents is not None and expected_total_cents != total):
        raise PriceChanged(unit_cents=quoted.unit_cents, currency=quoted.currency)


def price_of_last(unit_cents: list[int], total_cents: int, places: int, given_up: int, step: int = 1) -> int:
    """What the last ``given_up`` of ``places`` places cost: guests' while the booking is as it was sold, else their share.

    A share is rounded down to a multiple of ``step``, the currency's; the rest stays with the places that are kept.
    """
    if len(unit_cents) == places and sum(unit_cents) == total_cents:
        return sum(unit_cents[places - given_up :])
    return total_cents if given_up == places else total_cents * given_up // places // step * step


def shared_out(cents: int, prices: Sequence[int], step: int = 1) -> list[int]:
    """``cents`` off pieces at these prices, in proportion: each share is exact to ``step``, and together they are ``cents``.

    No piece has more taken off than it costs while ``cents`` is no more than all cost together.
    """
    total, before, gone, shares = sum(prices), 0, 0, []
    step = 1 if any(amount % step for amount in (cents, *prices)) else step  # made before there was a step
    for price in prices:
        before += price
        upto = cents * before // total // step * step if total else 0
        shares.append(upto - gone)
        gone = upto
    return shares
