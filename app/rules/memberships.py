"""How long a membership lasts, who may buy which, what it costs and when to remind. Called by services and by the pages that
say so. Dates are the club's own; both ends of a span belong to it.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .refusals import Refusal, words

RENEWAL_DAYS = 60
"""A membership of some months may be renewed this long before its end (or its last half, if that is shorter)."""
REMINDERS = (30, 7)
"""Days before the end on which somebody is told, the earliest first."""


class PlanNotOnSale(Refusal):
    status = 409
    text = words("This membership is not on sale now.")
    page = "closed"


class OneMembership(Refusal):
    """The same order has another: which span each gives is known when the one before has begun."""

    status = 409
    text = words("There is another membership in this order. Buy one at a time.")


class AlreadyMember(Refusal):
    """The same span a second time; ``runs_to`` is the date up to which it is paid."""

    status = 409
    text = words("Your membership runs to %(runs_to)s already. Nothing was charged.")
    page = "already_member"

    def __init__(self, runs_to: date) -> None:
        super().__init__(runs_to=runs_to)
        self.runs_to = runs_to


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a plan's membership lasts: exactly one of a number of months and a fixed last day."""

    length_months: int | None
    fixed_end_on: date | None


@dataclass(frozen=True, slots=True)
class Span:
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Price:
    """What a membership costs somebody; ``saved_cents`` against the usual price, for students."""

    cents: int
    is_student: bool
    saved_cents: int


def next_span(terms: Terms, today: date, runs_to: date | None) -> Span:
    """The span that buying the plan now would give to somebody who is a member up to ``runs_to`` (None: is none).

    It begins where the current one ends. Raises AlreadyMember when that is paid for already, or too far off to be meant;
    PlanNotOnSale when the plan's fixed end has passed.
    """
    starts_on = today if runs_to is None else runs_to + timedelta(days=1)
    if terms.fixed_end_on is not None:
        if runs_to is not None and terms.fixed_end_on <= runs_to:
            raise AlreadyMember(runs_to)
        if terms.fixed_end_on < starts_on:
            raise PlanNotOnSale
        return Span(starts_on, terms.fixed_end_on)
    months = terms.length_months or 0
    if runs_to is not None and (runs_to - today).days > renewal_days(months, today):
        raise AlreadyMember(runs_to)
    return Span(starts_on, last_day(starts_on, months))


def may_be_had(terms: Terms, today: date, runs_to: date | None) -> bool:
    """Whether somebody who is a member up to ``runs_to`` (None: is none) may buy the plan now."""
    try:
        next_span(terms, today, runs_to)
    except Refusal:
        return False
    return True


def renewal_days(length_months: int, today: date) -> int:
    """How many days before its end a membership of some months may be renewed."""
    return min(RENEWAL_DAYS, (last_day(today, length_months) - today).days // 2)


def last_day(starts_on: date, months: int) -> date:
    """The last day of ``months`` months from ``starts_on``: 3 March and 12 are 2 March, 31 January and 1 the end of February."""
    if months < 1:
        raise ValueError(f"{months} months")
    year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
    length = monthrange(year, month + 1)[1]
    if starts_on.day > length:
        return date(year, month + 1, length)
    return date(year, month + 1, starts_on.day) - timedelta(days=1)


def price(price_cents: int, student_price_cents: int | None, *, is_student: bool) -> Price:
    """What the plan costs this person, in minor units; a student never pays more than others."""
    if is_student and student_price_cents is not None and student_price_cents < price_cents:
        return Price(student_price_cents, True, price_cents - student_price_cents)
    return Price(price_cents, False, 0)


def on_sale(now: datetime, sale_from: datetime | None, sale_until: datetime | None) -> bool:
    """Whether a plan can be bought at this moment: from ``sale_from`` on, up to but not including ``sale_until``."""
    return (sale_from is None or sale_from <= now) and (sale_until is None or now < sale_until)


def is_student_address(email: str, domains: Iterable[str]) -> bool:
    """Whether the address is of one of these domains or of a part of one (``x.university.example``)."""
    host = email.rpartition("@")[2].lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def reminder_due(ends_on: date, today: date, reminded_days: int | None) -> int | None:
    """Which reminder (30 or 7 days before) is due and was not owed yet; None when none is. Late ones are not made up twice."""
    left = (ends_on - today).days
    due = [days for days in REMINDERS if 0 <= left <= days and (reminded_days is None or days < reminded_days)]
    return min(due) if due else None
