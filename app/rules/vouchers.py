"""What a code takes off which lines of an order. Pure; called by the vouchers service, which finds the code and counts its uses.

One rule of rounding: a percentage is taken off each place or piece by itself, and what is saved is rounded half up to what can
be paid: to a minor unit, in a few currencies to ten or a hundred of them. An amount is taken off once, from the first fitting
piece on. Nothing ever costs less than nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from . import money
from .refusals import Refusal, words
from .statuses import ItemKind

CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{2,39}")
"""Short enough to be told over the phone; three characters at least."""


class VoucherKind(StrEnum):
    PERCENTAGE = "percentage"
    AMOUNT = "amount"
    FREE = "free"


class VoucherScope(StrEnum):
    EVERYTHING = "everything"
    KIND = "kind"
    SESSION = "session"


class VoucherRefused(Refusal):
    """One answer for a code that does not exist, is not for this person or this purchase, is over or used up."""

    field: ClassVar[str | None] = "code"
    text = words("This code cannot be used here. Check it, or empty the field to go on without it.")


@dataclass(frozen=True, slots=True)
class Voucher:
    """What staff decided about a code. Times are aware; None: no beginning, no end."""

    kind: VoucherKind
    scope: VoucherScope = VoucherScope.EVERYTHING
    percent: int | None = None
    amount_cents: int | None = None
    currency: str | None = None
    """The amount's."""
    item_kind: ItemKind | None = None
    club_session_id: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    members_only: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one thing at one price; ``subject_id`` is the club session's for places."""

    kind: ItemKind
    subject_id: int
    unit_cents: int
    quantity: int


def normalise(typed: str | None) -> str:
    """The code as it is stored: upper case, without spaces."""
    return "".join((typed or "").split()).upper()


def usable(voucher: Voucher, now: datetime, *, is_member: bool) -> bool:
    """Whether it holds at this moment for a member or for somebody who is none."""
    begun = voucher.starts_at is None or now >= voucher.starts_at
    return begun and (voucher.ends_at is None or now < voucher.ends_at) and (is_member or not voucher.members_only)


def fits(voucher: Voucher, line: Line) -> bool:
    """Whether the code is for this line."""
    match voucher.scope:
        case VoucherScope.KIND:
            return line.kind is voucher.item_kind
        case VoucherScope.SESSION:
            return line.kind is ItemKind.REGISTRATION and line.subject_id == voucher.club_session_id
    return True


def savings(voucher: Voucher, lines: Sequence[Line], currency: str) -> list[list[int]]:
    """What each piece of each line costs less, in minor units: one number for each piece.

    What remains to pay is nothing or at least what a card can be charged: a code that would leave a few cents takes off less.
    """
    saved = [_of_line(voucher, line, currency) for line in lines]
    if voucher.kind is VoucherKind.AMOUNT:
        left = voucher.amount_cents or 0
        for pieces in saved:
            for n, most in enumerate(pieces):
                pieces[n] = min(most, left)
                left -= pieces[n]
    total = sum(line.unit_cents * line.quantity for line in lines) - sum(map(sum, saved))
    _leave_enough(saved, max(0, money.least(currency) - total) if total else 0)
    return saved


def _of_line(voucher: Voucher, line: Line, currency: str) -> list[int]:
    """The most that may be taken off each piece."""
    cents = 0
    if fits(voucher, line) and (voucher.kind is not VoucherKind.AMOUNT or voucher.currency == currency):
        part = money.percentage(line.unit_cents, voucher.percent or 0, money.step(currency))
        cents = part if voucher.kind is VoucherKind.PERCENTAGE else line.unit_cents
    return [min(cents, line.unit_cents)] * line.quantity


def _leave_enough(saved: list[list[int]], missing: int) -> None:
    """Take so much less off, from the last piece backwards."""
    for pieces in reversed(saved):
        for n in reversed(range(len(pieces))):
            less = min(pieces[n], missing)
            pieces[n] -= less
            missing -= less
