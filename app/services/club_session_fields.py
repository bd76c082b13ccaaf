"""What a club session's fields may say, decided in one place. Called by the import of sessions and by whoever else makes them.

``check_fields`` reads raw values (text, or JSON's numbers) and reports every problem at once; ``problems`` checks values that
were read already, ``warnings`` tells what may be so but is hardly meant. Defaults: no waitlist, free, published, open entry,
payment on offer, first come first offered, one place a booking, open at once, closing at the start, everything back to whoever
cancels by ``refund_until``, and no refund without that.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import UnknownCurrencyError, validate_currency
from flask_babel import gettext as _  # type: ignore[import-untyped]

from ..rules import money
from ..rules.statuses import Entry, RefundPolicy, SessionStatus, WaitlistPayment

REQUIRED = ("title", "starts_at", "ends_at", "capacity")
TIMES = ("starts_at", "ends_at", "opens_at", "members_open_at", "closes_at", "refund_until", "early_price_until")
NUMBERS = {
    "capacity": (0, 100_000),
    "waitlist_capacity": (0, 100_000),
    "member_price_cents": (0, 100_000_000),
    "non_member_price_cents": (0, 100_000_000),
    "student_price_cents": (0, 100_000_000),
    "early_member_price_cents": (0, 100_000_000),
    "early_non_member_price_cents": (0, 100_000_000),
    "max_places": (1, 100),
    "refund_percent": (0, 100),
    "refund_fee_cents": (0, 100_000_000),
}
SWITCHES = frozenset({"waitlist_members_first", "allow_promotion_codes"})
ON, OFF = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
LENGTHS = {"slug": 80, "title": 200, "summary": 300, "description": 20_000, "location": 300}
CHOICES: dict[str, type[StrEnum]] = {
    "status": SessionStatus, "entry": Entry, "waitlist_payment": WaitlistPayment, "refund_policy": RefundPolicy,
}  # fmt: skip
CHEAPER = {
    "member_price_cents": ("non_member_price_cents",),
    "student_price_cents": ("non_member_price_cents",),
    "early_non_member_price_cents": ("non_member_price_cents",),
    "early_member_price_cents": ("member_price_cents", "non_member_price_cents"),
}
"""Prices that are never more than another: the first of these that is given."""
EARLY = ("early_non_member_price_cents", "early_member_price_cents")
BELONGS_TO = {RefundPolicy.PERCENTAGE: "refund_percent", RefundPolicy.FEE_KEPT: "refund_fee_cents"}
"""What a refund policy cannot be told without."""
RESERVED = frozenset({"new"})
"""Slugs that are the addresses of other pages."""
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class ClubSessionFields:
    """A club session as asked for. ``slug`` empty: to be made from title and date. Times aware, amounts in minor units."""

    title: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    time_zone: str
    currency: str
    slug: str = ""
    summary: str = ""
    description: str = ""
    location: str = ""
    waitlist_capacity: int | None = None
    member_price_cents: int | None = None
    non_member_price_cents: int | None = None
    status: SessionStatus = SessionStatus.PUBLISHED
    entry: Entry = Entry.OPEN
    waitlist_payment: WaitlistPayment = WaitlistPayment.ON_OFFER
    max_places: int = 1
    opens_at: datetime | None = None
    members_open_at: datetime | None = None
    closes_at: datetime | None = None
    refund_until: datetime | None = None
    refund_policy: RefundPolicy = RefundPolicy.FULL
    refund_percent: int = 100
    """Of what was paid, under the policy ``percentage``."""
    refund_fee_cents: int = 0
    """Kept of each booking, under the policy ``fee_kept``."""
    waitlist_members_first: bool = False
    student_price_cents: int | None = None
    early_price_until: datetime | None = None
    early_member_price_cents: int | None = None
    early_non_member_price_cents: int | None = None
    allow_promotion_codes: bool = False


NAMES = tuple(field.name for field in dataclasses.fields(ClubSessionFields))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field, in words that say what to do."""

    field: str
    text: str


class FieldsRefused(Exception):
    """Something is wrong with the values; ``problems`` has all of it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def check_fields(values: Mapping[str, object], *, time_zone: str, currency: str) -> ClubSessionFields:
    """Read raw values; nothing or blank means the default. Raises FieldsRefused with every problem, unknown names included."""
    given = {name: value for name, value in values.items() if not _blank(value)}
    found = [Problem(name, _("is not a field of a session")) for name in values if name not in NAMES]
    found += [Problem(name, _("is missing")) for name in REQUIRED if name not in given]
    read: dict[str, object] = {"time_zone": time_zone, "currency": currency}
    for name in NAMES:
        if name in given:
            try:
                read[name] = _read(name, given[name])
            except ValueError as error:
                found.append(Problem(name, str(error)))
    policy = read.get("refund_policy")
    needed = BELONGS_TO.get(policy) if isinstance(policy, RefundPolicy) else None
    if needed is not None and needed not in given:
        found.append(Problem(needed, _("is missing: this refund policy needs it")))
    if found:
        raise FieldsRefused(found)
    fields = ClubSessionFields(**read)  # type: ignore[arg-type]
    if together := list(problems(fields)):
        raise FieldsRefused(together)
    return fields


def problems(fields: ClubSessionFields) -> Iterator[Problem]:
    """What is wrong between values that are each fine alone."""
    yield from _times(fields)
    yield from _prices(fields)
    yield from _early(fields)
    if fields.refund_policy in BELONGS_TO and fields.refund_until is None:
        yield Problem("refund_until", _("is missing: without it nobody gets anything back"))


def warnings(fields: ClubSessionFields) -> Iterator[Problem]:
    """What is allowed and hardly meant."""
    prices = [cents for name in NUMBERS if name.endswith("price_cents") and (cents := getattr(fields, name))]
    if fields.refund_policy is RefundPolicy.FEE_KEPT and prices and fields.refund_fee_cents > min(prices):
        yield Problem("refund_fee_cents", _("is more than a place costs somebody, who then gets nothing back"))


def _times(f: ClubSessionFields) -> Iterator[Problem]:
    if f.ends_at <= f.starts_at:
        yield Problem("ends_at", _("must be after starts_at"))
    for name in ("opens_at", "members_open_at"):
        opens = getattr(f, name)
        if opens is not None and opens >= min(f.closes_at or f.starts_at, f.starts_at):
            yield Problem(name, _("must be before registration closes and the session starts: nobody could ever register"))
    if f.closes_at is not None and f.closes_at > f.ends_at:
        yield Problem("closes_at", _("must not be after the session ends"))


def _prices(f: ClubSessionFields) -> Iterator[Problem]:
    for name in ("non_member_price_cents", *CHEAPER):
        cents = getattr(f, name)
        if cents and cents < (least := money.least(f.currency)):
            yield Problem(name, _("is less than can be charged by card (%(least)s minor units); 0 is free", least=least))
    for name in ("non_member_price_cents", *CHEAPER, "refund_fee_cents"):
        if (getattr(f, name) or 0) % (step := money.step(f.currency)):
            yield Problem(name, _("must be a multiple of %(step)s minor units: Stripe moves nothing finer", step=step))
    for name, others in CHEAPER.items():
        other = next((other for other in others if getattr(f, other) is not None), others[-1])
        if (getattr(f, name) or 0) > (getattr(f, other) or 0):
            yield Problem(name, _("is more than %(other)s: those with this price never pay more", other=other))


def _early(f: ClubSessionFields) -> Iterator[Problem]:
    given = [name for name in EARLY if getattr(f, name) is not None]
    if given and f.early_price_until is None:
        yield Problem("early_price_until", _("is missing: an early price needs an end"))
    if f.early_price_until is not None:
        if not given:
            yield Problem(EARLY[0], _("is missing: early_price_until is the end of an early price"))
        if f.early_price_until > f.starts_at:
            yield Problem("early_price_until", _("must not be after the session starts"))


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _read(name: str, value: object) -> object:
    """One value as its field's type; raises ValueError with what to write instead."""
    if name in TIMES:
        return _time(value)
    if name in NUMBERS:
        return _number(value, *NUMBERS[name])
    if name in SWITCHES:
        return _switch(value)
    if not isinstance(value, str):
        raise ValueError(_("must be text"))
    text = value.strip()
    if name in CHOICES:
        return _choice(text, CHOICES[name])
    if name == "time_zone":
        return _zone(text)
    if name == "currency":
        return _currency(text)
    return _text(name, text)


def _text(name: str, text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > LENGTHS[name]:
        raise ValueError(_("is longer than %(most)s characters", most=LENGTHS[name]))
    if any(not c.isprintable() and not (c in "\n\t" and name == "description") for c in text):
        raise ValueError(_("holds a line break or another character that cannot be shown"))
    if name == "slug" and not SLUG.fullmatch(text):
        raise ValueError(_("must be small letters, digits and single hyphens, like badminton-2026-12-03"))
    if name == "slug" and text in RESERVED:
        raise ValueError(_("is the address of another page"))
    return text


def _time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(_("must be a time such as 2026-12-03T19:00:00+13:00"))
    if moment.tzinfo is None:
        raise ValueError(_("must say its offset from UTC, such as 2026-12-03T19:00:00+13:00"))
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = LATEST
    if not EARLIEST <= moment < LATEST:
        raise ValueError(_("must be between the years 2000 and 2100"))
    return moment


def _number(value: object, least: int, most: int) -> int:
    text = value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,12}", text) or not least <= int(text) <= most:
        raise ValueError(_("must be a whole number from %(least)s to %(most)s", least=least, most=most))
    return int(text)


def _switch(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in ON | OFF:
        raise ValueError(_("must be yes or no"))
    return text in ON


def _choice(text: str, choices: type[_Choice]) -> _Choice:
    try:
        return choices(text.lower())
    except ValueError:
        raise ValueError(_("must be one of: %(choices)s", choices=", ".join(choices))) from None


def _zone(text: str) -> str:
    if text not in _zones():
        raise ValueError(_("must be a zone such as Pacific/Auckland"))
    return ZoneInfo(text).key


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _currency(text: str) -> str:
    try:
        validate_currency(text.upper())
    except UnknownCurrencyError:
        raise ValueError(_("must be a three-letter currency code such as NZD")) from None
    return text.upper()
