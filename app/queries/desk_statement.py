"""The treasurer's statement of a period: each account's opening, what moved, closing, and the proof that it adds up.

Called by the admin blueprint. Balances are signed as accountants sign them: what we have and what it costs is positive (debit),
what we took and owe is negative (credit), so that all of them sum to zero. Six statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from ..extensions import db
from ..models import Reconciliation
from . import desk_money
from .desk_money import CLEARING, OURS, AccountLine, Books, Period


@dataclass(frozen=True, slots=True)
class Account:
    """One account over the period, in minor units, debit positive."""

    account: str
    opening_cents: int
    debit_cents: int
    credit_cents: int

    @property
    def closing_cents(self) -> int:
        return self.opening_cents + self.debit_cents - self.credit_cents


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison with Stripe, over everything up to then: its lines and ours, in minor units."""

    at: datetime
    stripe_cents: int
    ledger_cents: int

    @property
    def equal(self) -> bool:
        return self.stripe_cents == self.ledger_cents


@dataclass(frozen=True, slots=True)
class Statement:
    """One currency. ``books`` has the period's figures as the books' page shows them."""

    currency: str
    accounts: Sequence[Account]
    books: Books

    @property
    def total(self) -> Account:
        """All accounts together: opening and closing are zero, and as much was debited as credited, or the books are wrong."""
        return Account(
            "",
            sum(line.opening_cents for line in self.accounts),
            sum(line.debit_cents for line in self.accounts),
            sum(line.credit_cents for line in self.accounts),
        )

    @property
    def adds_up(self) -> bool:
        total = self.total
        return not (total.opening_cents or total.closing_cents) and total.debit_cents == total.credit_cents

    @property
    def at_stripe_cents(self) -> int:
        """What the books say is at Stripe, or was paid out by it, at the end of the period."""
        return next((line.closing_cents for line in self.accounts if line.account == CLEARING), 0)


def statements(period: Period) -> list[Statement]:
    """The statement of the period, one for each currency. Four statements of SQL."""
    return [Statement(books.currency, [_signed(line) for line in books.accounts], books) for books in desk_money.books(period)]


def compared(period: Period) -> tuple[Compared | None, Compared | None]:
    """The last comparison made by the end of the period, and the last one of all; None where there was none. Two statements."""
    newest = select(Reconciliation).order_by(Reconciliation.id.desc()).limit(1)
    older = newest.where(Reconciliation.created_at < period.ends_at)
    rows = [db.session.execute(statement).scalar_one_or_none() for statement in (older, newest)]
    by_then, last = (Compared(row.created_at, row.stripe_cents, row.ledger_cents) if row else None for row in rows)
    return by_then, last


def _signed(line: AccountLine) -> Account:
    if line.account in OURS:
        return Account(line.account, line.opening_cents, line.up_cents, line.down_cents)
    return Account(line.account, -line.opening_cents, line.down_cents, line.up_cents)
