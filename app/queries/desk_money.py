"""The books of a day or longer as the treasurer reads them, and how they compare with Stripe's. Called by the admin blueprint.

Amounts are minor units. However many entries there are, a page takes the same number of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select

from ..extensions import db
from ..models import Case, ClubSession, ComparisonRequest, LedgerEntry, Reconciliation
from ..rules.statuses import ComparisonOutcome
from . import books_forward, webhooks

_L = LedgerEntry
CLEARING, CASH, BANK, OWED, FEES = "stripe:clearing", "cash:desk", "bank:account", "owed:refunds", "fees:stripe"
DISPUTES, REVENUE = "disputes", "revenue:"
BY_HAND = (CASH, BANK)
OURS = (CLEARING, *BY_HAND, FEES, DISPUTES)
"""Accounts that grow by their debits: what we have and what it costs. The others grow by their credits: what we took and owe."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the club's calendar, both included."""

    first: date
    last: date
    zone: str

    @property
    def begins_at(self) -> datetime:
        return datetime.combine(self.first, time(), ZoneInfo(self.zone))

    @property
    def last_begins_at(self) -> datetime:
        """Midnight of the last day, to call it by."""
        return datetime.combine(self.last, time(), ZoneInfo(self.zone))

    @property
    def ends_at(self) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account over the period; ``up_cents`` is by how much it grew, ``down_cents`` by how much it shrank."""

    account: str
    opening_cents: int
    up_cents: int
    down_cents: int

    @property
    def closing_cents(self) -> int:
        return self.opening_cents + self.up_cents - self.down_cents


@dataclass(frozen=True, slots=True)
class Takings:
    """What one session (or, without one, one kind of sale) brought in the period."""

    account: str
    slug: str | None
    title: str | None
    starts_at: datetime | None
    time_zone: str | None
    paid_cents: int
    back_cents: int

    @property
    def kept_cents(self) -> int:
        return self.paid_cents - self.back_cents


@dataclass(slots=True)
class Books:
    """One currency over the period. Fees, refunds and disputes are what left; ``change_cents`` is what it all comes to."""

    currency: str
    payments: int = 0
    paid_cents: int = 0
    refunds: int = 0
    refunded_cents: int = 0
    fee_cents: int = 0
    disputed_cents: int = 0
    cash_in_cents: int = 0
    cash_out_cents: int = 0
    """Taken and paid back by hand, in cash or by bank; not part of the change at Stripe."""
    accounts: Sequence[AccountLine] = field(default_factory=list)
    takings: Sequence[Takings] = field(default_factory=list)

    @property
    def change_cents(self) -> int:
        return self.paid_cents - self.refunded_cents - self.fee_cents - self.disputed_cents

    @property
    def paid_total_cents(self) -> int:
        return sum(line.paid_cents for line in self.takings)

    @property
    def back_total_cents(self) -> int:
        return sum(line.back_cents for line in self.takings)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last time our books and Stripe's were compared."""

    at: datetime
    difference_cents: int
    open_cases: int

    @property
    def equal(self) -> bool:
        return self.difference_cents == 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the money stands right now, whatever the period."""

    comparison: Comparison | None
    open_cases: int
    last_webhook_at: datetime | None
    webhooks_silent_since: datetime | None
    """Somebody has paid since, and Stripe did not tell us: payments are then found only by asking."""
    asked: ComparisonRequest | None
    """The last comparison that somebody asked for; under way until ``finished_at``."""

    @property
    def comparing(self) -> bool:
        return self.asked is not None and self.asked.finished_at is None

    @property
    def asked_in_vain(self) -> bool:
        """It came to nothing, and no comparison has been made since."""
        vain = (ComparisonOutcome.UNREACHABLE, ComparisonOutcome.FAILED)
        if self.asked is None or self.asked.finished_at is None or self.asked.outcome not in vain:
            return False
        return self.comparison is None or self.comparison.at < self.asked.created_at


def books(period: Period) -> list[Books]:
    """The books of the period, one for each currency. Four statements."""
    found: defaultdict[str, Books] = defaultdict(lambda: Books(""))
    moves = _moves(period)
    for row in moves:
        found[row.currency].currency = row.currency
        _sum_up(found[row.currency], row)
    for currency, number in _payments(period):
        found[currency].payments = number
    takings = _takings(period)
    for currency, of_one in found.items():
        of_one.accounts = _accounts(row for row in moves if row.currency == currency)
        of_one.takings = takings.get(currency, [])
    return sorted(found.values(), key=lambda books: books.currency)


def standing() -> Standing:
    """The last comparison, the last that was asked for, open cases, and when Stripe last told us something. Three statements."""
    last = db.session.execute(select(Reconciliation).order_by(Reconciliation.id.desc()).limit(1)).scalar_one_or_none()
    waiting = select(func.count()).select_from(Case).where(Case.closed_at.is_(None)).scalar_subquery()
    told, paid = webhooks.last_told(), webhooks.last_paid()
    row = db.session.execute(select(told.label("told"), paid.label("paid"), waiting.label("cases"))).one()
    comparison = Comparison(last.created_at, last.difference_cents, last.open_cases) if last is not None else None
    return Standing(comparison, int(row.cases), row.told, webhooks.silent_since(row.told, row.paid), last_asked())


def last_asked() -> ComparisonRequest | None:
    """The newest comparison that somebody asked for, as it stands."""
    newest = select(ComparisonRequest).order_by(ComparisonRequest.id.desc()).limit(1)
    return db.session.execute(newest).scalar_one_or_none()


def _within(period: Period) -> ColumnElement[bool]:
    return and_(_L.created_at >= period.begins_at, _L.created_at < period.ends_at)


def _moves(period: Period) -> Sequence[Row[Any]]:
    """What went from where to where, before the period and in it."""
    carried_at = books_forward.carried(period.begins_at)
    return db.session.execute(books_forward.moves(carried_at, period.ends_at, period.begins_at)).all()


def _sum_up(books: Books, row: Row[Any]) -> None:
    """Add one kind of move to the figures of the money at Stripe and in cash; other moves are not among them."""
    cents = int(row.cents)
    sign = 1 if row.credit == CLEARING else -1
    books.cash_in_cents += cents if row.debit in BY_HAND else 0
    books.cash_out_cents += cents if row.credit in BY_HAND else 0
    if CLEARING not in (row.debit, row.credit):
        return
    other = row.debit if row.credit == CLEARING else row.credit
    if other == DISPUTES:
        books.disputed_cents += sign * cents
    elif other == FEES:
        books.fee_cents += sign * cents
    elif row.of_refund:
        books.refunded_cents += sign * cents
        books.refunds += sign * row.number
    else:
        books.paid_cents -= sign * cents


def _payments(period: Period) -> Iterable[tuple[str, int]]:
    came = and_(_L.debit_account == CLEARING, _L.credit_account.not_in([DISPUTES, FEES]), _L.refund_id.is_(None))
    counted = select(_L.currency, func.count(_L.payment_id.distinct())).where(came, _within(period)).group_by(_L.currency)
    return [(currency, int(number)) for currency, number in db.session.execute(counted)]


def _accounts(rows: Iterable[Row[Any]]) -> list[AccountLine]:
    figures: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for account, grows in ((row.debit, row.debit in OURS), (row.credit, row.credit not in OURS)):
            own = figures[account]
            own[0] += int(row.before) if grows else -int(row.before)
            own[1 if grows else 2] += int(row.cents)
    return [AccountLine(account, *figures[account]) for account in sorted(figures, key=_in_order)]


def _in_order(account: str) -> tuple[int, str]:
    """Takings first, then what is owed and what it costs, last what it comes to at Stripe."""
    kinds = (REVENUE, OWED, "suspense", FEES, DISPUTES, *BY_HAND, CLEARING)
    return next((place for place, kind in enumerate(kinds) if account.startswith(kind)), len(kinds)), account


def _takings(period: Period) -> dict[str, list[Takings]]:
    """Sales and what went back of them, by session, newest session first; what is for no session comes last."""
    sold, back = _L.credit_account.startswith(REVENUE), _L.debit_account.startswith(REVENUE)
    account = case((sold, _L.credit_account), else_=_L.debit_account)
    rows = db.session.execute(
        select(
            account.label("account"), _L.currency, ClubSession.slug, ClubSession.title, ClubSession.starts_at,
            ClubSession.time_zone, func.coalesce(func.sum(case((sold, _L.amount_cents))), 0).label("paid"),
            func.coalesce(func.sum(case((back, _L.amount_cents))), 0).label("back"),
        )
        .outerjoin(ClubSession, ClubSession.id == _L.club_session_id)
        .where(or_(sold, back), _within(period))
        .group_by(account, _L.currency, ClubSession.id)
        .order_by(ClubSession.starts_at.is_(None), ClubSession.starts_at.desc(), ClubSession.id, account)
    ).all()  # fmt: skip
    found: defaultdict[str, list[Takings]] = defaultdict(list)
    for row in rows:
        line = Takings(
            row.account, row.slug, row.title, row.starts_at, row.time_zone, paid_cents=int(row.paid), back_cents=int(row.back)
        )
        found[row.currency].append(line)
    return dict(found)
