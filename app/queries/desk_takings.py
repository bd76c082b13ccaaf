"""What was taken, by session, month, kind or way to pay: sold, given back, what it cost, what is left. Called by the desk.

It is read from the books alone, so it is what they say: a sale counts on the day it was booked, Stripe's fee on the day the
books were compared. A payment's fee and dispute are shared among what it bought, by its price, to the last minor unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Row, Select, String, and_, case, cast, exists, func, literal, null, or_, select
from sqlalchemy.orm import aliased

from ..extensions import db
from ..models import ClubSession, LedgerEntry, Payment
from .desk_money import DISPUTES, FEES, REVENUE, Period

_L, _C = LedgerEntry, ClubSession
MOVED = "moved:bookings"
NOTHING_SOLD = "nothing"
"""What came in for nothing that was sold (too late, twice) has no takings, but may have cost a fee."""


class By(StrEnum):
    """What the takings are summed by."""

    SESSION = "session"
    MONTH = "month"
    KIND = "kind"
    PROVIDER = "provider"


@dataclass(slots=True)
class Line:
    """The takings of one session, month, kind (an account) or way to pay. Minor units of ``currency``."""

    currency: str
    account: str | None = None
    slug: str | None = None
    title: str | None = None
    starts_at: datetime | None = None
    time_zone: str | None = None
    month: date | None = None
    provider: str | None = None
    gross_cents: int = 0
    back_cents: int = 0
    fee_cents: int = 0
    disputed_cents: int = 0

    @property
    def net_cents(self) -> int:
        return self.gross_cents - self.back_cents - self.fee_cents - self.disputed_cents


@dataclass(slots=True)
class Takings:
    """One currency: its lines, and what they come to together."""

    currency: str
    lines: list[Line] = field(default_factory=list)

    @property
    def total(self) -> Line:
        names = ("gross_cents", "back_cents", "fee_cents", "disputed_cents")
        return Line(self.currency, **{name: sum(getattr(line, name) for line in self.lines) for name in names})


def takings(period: Period, by: By) -> list[Takings]:
    """The takings of the period, one for each currency, newest or largest first. Four statements."""
    months = _months(period) if by is By.MONTH else []
    found: dict[tuple[str, Any], Line] = {}
    for row in db.session.execute(_sold(period, by, months)):
        line = _line_of(found, row, by, months)
        line.gross_cents, line.back_cents = int(row.gross), int(row.back)
    for row in (row for statement in _costs(period, by, months) for row in db.session.execute(statement)):
        line = _line_of(found, row, by, months)
        line.fee_cents, line.disputed_cents = int(row.fee), int(row.disputed)
    sums: dict[str, Takings] = {}
    for line in sorted(found.values(), key=lambda line: _order(line, by)):
        sums.setdefault(line.currency, Takings(line.currency)).lines.append(line)
    return [sums[currency] for currency in sorted(sums)]


def _within(period: Period) -> ColumnElement[bool]:
    return and_(_L.created_at >= period.begins_at, _L.created_at < period.ends_at)


def _months(period: Period) -> list[date]:
    """The first days of the months in which the period's entries lie, by the clock of its zone."""
    ends = (select(end(_L.created_at)).where(_within(period)).scalar_subquery() for end in (func.min, func.max))
    first, last = db.session.execute(select(*ends)).one()  # each by the index: asked for both at once, SQLite reads every row
    if first is None:
        return []
    zone = ZoneInfo(period.zone)
    month, end = first.astimezone(zone).date().replace(day=1), last.astimezone(zone).date()
    found = []
    while month <= end:
        found.append(month)
        month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    return found


def _key(period: Period, by: By, months: Sequence[date], account: Any, session_id: Any) -> list[Any]:
    """The columns that the takings are summed by, labelled as ``_line_of`` reads them."""
    if by is By.PROVIDER:
        return [func.coalesce(Payment.provider, "stripe").label("provider")]
    if by is By.KIND:
        return [func.coalesce(account, NOTHING_SOLD).label("account")]
    if by is By.SESSION:
        return [func.coalesce(account, NOTHING_SOLD).label("account"), session_id.label("session_id")]
    zone = ZoneInfo(period.zone)
    starts = [datetime.combine(month, time(), zone) for month in months[1:]]
    branches = [(_L.created_at < start, place) for place, start in enumerate(starts)]
    number: Any = case(*branches, else_=len(starts)) if branches else literal(0)
    return [number.label("number")]


def _sum(condition: ColumnElement[bool], cents: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, cents), else_=0)), 0)


def _summed(statement: Select[Any], keys: list[Any], by: By) -> Select[Any]:
    """The statement with what its keys need, grouped by them; by session, each sum with what the session is called."""
    if by is By.PROVIDER:
        statement = statement.outerjoin(Payment, Payment.id == _L.payment_id)
    grouped = statement.group_by(*(key.element for key in keys), _L.currency)
    if by is not By.SESSION:
        return grouped
    sums = grouped.subquery()  # named when it is summed up: the names of each entry would be read, and sorted, one by one
    return select(sums, _C.slug, _C.title, _C.starts_at, _C.time_zone).outerjoin(_C, _C.id == sums.c.session_id)


def _sold(period: Period, by: By, months: Sequence[date]) -> Select[Any]:
    """What was sold, and what went back of it."""
    sold, back = _L.credit_account.startswith(REVENUE), _L.debit_account.startswith(REVENUE)
    account: Any = case((sold, _L.credit_account), else_=_L.debit_account)
    keys = _key(period, by, months, account, _L.club_session_id)
    # A booking that moved took its money along: its old session did not sell it, and nothing went back to anybody.
    away = and_(back, _L.credit_account == MOVED)
    gross = _sum(sold, _L.amount_cents) - _sum(away, _L.amount_cents)
    sums = (gross.label("gross"), _sum(and_(back, ~away), _L.amount_cents).label("back"))
    return _summed(select(*keys, _L.currency, *sums).where(or_(sold, back), _within(period)), keys, by)


def _costs(period: Period, by: By, months: Sequence[date]) -> list[Select[Any]]:
    """Fees and disputes: each shared among what its payment bought, and whole those of payments that bought nothing.

    Two statements and not an outer join, which SQLite would do by looking through every part for every fee.
    """
    parts = _parts(period).subquery()
    through, total = parts.c.through, parts.c.total
    # Rounded down up to here, less rounded down up to the one before: the shares add up to the amount exactly.
    share: Any = _L.amount_cents * through // total - _L.amount_cents * (through - parts.c.cents) // total
    of_payment = select(_L).join(parts, parts.c.payment_id == _L.payment_id)
    nothing, nowhere = cast(null(), String), cast(null(), BigInteger)
    sale = aliased(LedgerEntry)
    sold = exists().where(sale.payment_id == _L.payment_id, sale.credit_account.startswith(REVENUE))
    return [
        _cost(of_payment, period, by, months, share, parts.c.account, parts.c.club_session_id),
        _cost(select(_L).where(~sold), period, by, months, _L.amount_cents, nothing, nowhere),
    ]


def _cost(
    entries: Select[Any], period: Period, by: By, months: Sequence[date], cents: Any, account: Any, session_id: Any
) -> Select[Any]:
    """``cents`` of each fee and dispute among these entries, less what came back of it."""
    cost = or_(*(column.in_([FEES, DISPUTES]) for column in (_L.debit_account, _L.credit_account)))
    signed = case((_L.debit_account.in_([FEES, DISPUTES]), cents), else_=-cents)
    is_fee = or_(_L.debit_account == FEES, _L.credit_account == FEES)
    keys = _key(period, by, months, account, session_id)
    sums = (_sum(is_fee, signed).label("fee"), _sum(~is_fee, signed).label("disputed"))
    columns = entries.with_only_columns(*keys, _L.currency, *sums, maintain_column_froms=True)
    return _summed(columns.where(cost, _within(period)), keys, by)


def _parts(period: Period) -> Select[Any]:
    """What each payment with a cost in the period bought: each part, the sum up to it, and the whole."""
    costly = select(_L.payment_id).where(or_(*(column.in_([FEES, DISPUTES]) for column in (_L.debit_account, _L.credit_account))))
    bought = (
        select(_L.payment_id, _L.credit_account.label("account"), _L.club_session_id, func.sum(_L.amount_cents).label("cents"))
        .where(_L.credit_account.startswith(REVENUE), _L.payment_id.in_(costly.where(_within(period))))
        .group_by(_L.payment_id, _L.credit_account, _L.club_session_id)
        .subquery()
    )
    b = bought.c
    through = func.sum(b.cents).over(partition_by=b.payment_id, order_by=(b.account, b.club_session_id), rows=(None, 0))
    total = func.sum(b.cents).over(partition_by=b.payment_id)
    numbers: dict[str, Any] = {"cents": b.cents, "through": through, "total": total}
    whole = (cast(number, BigInteger).label(name) for name, number in numbers.items())  # else / would not be whole numbers
    return select(b.payment_id, b.account, b.club_session_id, *whole)


def _line_of(found: dict[tuple[str, Any], Line], row: Row[Any], by: By, months: Sequence[date]) -> Line:
    """The line that a row belongs to, made when it is the first."""
    values = dict(row._mapping)
    currency = values["currency"]
    key = tuple(values.get(name) for name in ("account", "session_id", "number", "provider", "slug"))
    if (currency, key) not in found:
        names = ("account", "slug", "title", "starts_at", "time_zone", "provider")
        month = months[values["number"]] if by is By.MONTH and months else None
        found[currency, key] = Line(currency, **{name: values.get(name) for name in names}, month=month)
    return found[currency, key]


def _order(line: Line, by: By) -> tuple[Any, ...]:
    """Sessions and months newest first, what is no session last; kinds and ways to pay by what they brought."""
    if by is By.SESSION:
        return line.starts_at is None, -line.starts_at.timestamp() if line.starts_at else 0, line.account or "", line.slug or ""
    if by is By.MONTH:
        return (-line.month.toordinal() if line.month else 0,)
    return (-line.gross_cents, line.account or line.provider or "")
