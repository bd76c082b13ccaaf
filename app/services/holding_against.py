"""Holds Stripe's books against ours, payment by payment. Called by services.reconciling, once it has mended what it can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from flask import current_app
from sqlalchemy import case, func, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..integrations.payments import GatewayError, Movement
from ..models import Case, LedgerEntry, Payment
from ..transaction import end_read, retried, transaction
from . import cases, ledger

STILL_MOVING = timedelta(minutes=10)
"""A payment touched so recently may be equal in a minute: its difference is counted, but no case is opened yet."""
EQUAL_AGAIN = "equal again"


class _Paid(NamedTuple):
    """A payment of ours that Stripe knows."""

    id: int
    currency: str


@dataclass(slots=True)
class Report:
    """What a run found. ``open_cases`` counts everything that waits for a person, older cases too. Amounts in minor units."""

    sums: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """By currency: what Stripe's lines come to, and what our books do."""
    open_cases: int = 0
    unreachable: str | None = None
    failed: int = 0
    """Things that could not be mended because of an error of ours; the log has it."""
    mended: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def stripe_cents(self) -> int:
        """What Stripe's lines in the site's own currency come to."""
        return self.sums[current_settings().currency][0]

    @property
    def ledger_cents(self) -> int:
        return self.sums[current_settings().currency][1]

    @property
    def difference_cents(self) -> int:
        """The largest difference in any currency: amounts in two of them do not add up. 0: equal in all."""
        return max((there - here for there, here in self.sums.values()), key=abs, default=0)

    @property
    def in_order(self) -> bool:
        return not (self.difference_cents or self.open_cases or self.unreachable or self.failed)


@contextmanager
def alone(report: Report, name: str) -> Iterator[None]:
    """One that cannot be mended must not hide the rest."""
    try:
        yield
    except GatewayError:
        raise
    except Exception:
        report.failed += 1
        current_app.logger.exception("reconciling: one of the %s failed", name)


def compare(report: Report, lines: list[Movement]) -> None:
    """Stripe's books against ours, payment by payment; what is unequal and no longer moving becomes a case."""
    by_intent: dict[str, list[Movement]] = defaultdict(list)
    for line in lines:
        if line.payment_intent_id is not None:
            by_intent[line.payment_intent_id].append(line)
    ours = _payments()
    for intent, payment in ours.items():
        with alone(report, "fees"):
            _book_fees(payment, by_intent.get(intent, []))
    for pair in {(payment.currency, line.currency) for intent, payment in ours.items() for line in by_intent.get(intent, [])}:
        _tell_of_conversion(*pair)
    balances = _clearing()
    for intent, payment in ours.items():
        with alone(report, "payments"):
            _weigh(report, payment, balances.get((payment.id, payment.currency), 0), by_intent.get(intent, []))
    for intent, unknown in by_intent.items():
        if intent not in ours and any(line.ours for line in unknown):
            with alone(report, "unknown payments"):
                sums = report.sums[unknown[0].currency]
                sums[0] += sum(line.net_cents for line in unknown)
                sums[1] += _unknown(intent, unknown)


def _weigh(report: Report, payment: _Paid, here: int, lines: list[Movement]) -> None:
    """Compare one payment, in its own currency."""
    if any(payment.currency not in (line.currency, line.source_currency) for line in lines):
        return  # no number of theirs can be held against ours: the case says so
    there = sum(_moved(line, payment.currency) for line in lines)
    sums = report.sums[payment.currency]
    sums[0] += there
    sums[1] += here
    _judge(payment.id, there, here, lines)


def _moved(line: Movement, currency: str) -> int:
    """What a line moved, after its fee; before it where Stripe converted, and took the fee in the other currency."""
    if line.currency == currency:
        return line.net_cents
    gross = line.net_cents + line.fee_cents
    return (gross > 0) * line.source_cents - (gross < 0) * line.source_cents


@retried
def _tell_of_conversion(currency: str, into: str) -> None:
    """A person is told once that payments in a currency are kept in another one, and what our books then leave out."""
    if currency == into:
        return
    with transaction() as db:
        cases.open_case(db, f"converted:{currency}:{into}", "currency_converted", currency=currency, into=into)


def _payments() -> dict[str, _Paid]:
    columns = (Payment.payment_intent_id, Payment.id, Payment.currency)
    rows = flask_db.session.execute(select(*columns).where(Payment.payment_intent_id.is_not(None))).all()
    end_read()
    return {str(row.payment_intent_id): _Paid(row.id, row.currency) for row in rows}


def _clearing() -> dict[tuple[int, str], int]:
    """What our books say Stripe holds, by payment and currency."""
    signed = case((LedgerEntry.debit_account == ledger.CLEARING, LedgerEntry.amount_cents), else_=-LedgerEntry.amount_cents)
    touches = or_(LedgerEntry.debit_account == ledger.CLEARING, LedgerEntry.credit_account == ledger.CLEARING)
    of = (LedgerEntry.payment_id, LedgerEntry.currency)
    rows = flask_db.session.execute(select(*of, func.sum(signed).label("cents")).where(touches).group_by(*of))
    found = {(row.payment_id, row.currency): int(row.cents) for row in rows if row.payment_id is not None}
    end_read()
    return found


@retried
def _book_fees(payment: _Paid, lines: list[Movement]) -> None:
    """What Stripe kept for itself or gave back, in the payment's currency, once for each line; the payment shows the sum."""
    charged = [line for line in lines if line.fee_cents and line.currency == payment.currency]
    if not charged:
        return
    with transaction() as db:
        total = sum(line.fee_cents for line in charged)
        known = db.execute(select(Payment.fee_cents).where(Payment.id == payment.id)).scalar_one()
        if known == total:
            return
        for line in charged:
            _book_fee(db, line, payment.id)
        db.execute(update(Payment).where(Payment.id == payment.id).values(fee_cents=total))


def _book_fee(db: Session, line: Movement, payment_id: int | None = None) -> None:
    """A fee leaves what Stripe holds for us; one that is given back comes in again."""
    debit, credit = (ledger.FEES, ledger.CLEARING) if line.fee_cents > 0 else (ledger.CLEARING, ledger.FEES)
    ledger.book(db, f"fee:{line.id}", debit, credit, abs(line.fee_cents), line.currency, payment_id=payment_id)


def _judge(payment_id: int, there: int, here: int, lines: list[Movement]) -> None:
    """Open a case for a lasting difference, close it when the two have become equal."""
    moved = max((line.created_at for line in lines), default=0)
    if there != here and clock.now().timestamp() - moved < STILL_MOVING.total_seconds():
        return
    _case(payment_id, there, here)


@retried
def _case(payment_id: int, there: int, here: int) -> None:
    """One open case a payment. What a person has closed stays closed while the two differ by just as much."""
    known = select(Case.dedupe_key, Case.closed_at, Case.resolution).where(
        Case.kind == "books_differ", Case.payment_id == payment_id
    )
    rows = flask_db.session.execute(known).all()
    end_read()
    open_now = [row.dedupe_key for row in rows if row.closed_at is None]
    if (there != here) == bool(open_now):
        return
    with transaction() as db:
        if there == here:
            for key in open_now:
                cases.close_by_key(db, key, EQUAL_AGAIN)
            return
        times = sum(row.resolution == EQUAL_AGAIN for row in rows)
        key = f"difference:{payment_id}:{there}:{here}:{times}"
        order_id = db.execute(select(Payment.order_id).where(Payment.id == payment_id)).scalar_one()
        cases.open_case(
            db, key, "books_differ", order_id=order_id, payment_id=payment_id, stripe_cents=there, ledger_cents=here
        )


@retried
def _unknown(intent: str, lines: list[Movement]) -> int:
    """Money of ours for an order we do not know: a case, and held in suspense so that the books stay Stripe's. Cents booked.

    Somebody may have paid this very minute, and be known in the next: such a payment is left alone until it rests.
    """
    key, cents = f"intent:{intent}", sum(line.net_cents for line in lines)
    moving = clock.now().timestamp() - max(line.created_at for line in lines) < STILL_MOVING.total_seconds()
    with transaction() as db:
        if moving and db.execute(select(Case.id).where(Case.dedupe_key == key)).first() is None:
            return 0
        cases.open_case(db, key, "unknown_payment", payment_intent=intent, cents=cents, currency=lines[0].currency)
        for line in lines:
            gross = line.net_cents + line.fee_cents
            debit, credit = (ledger.CLEARING, ledger.SUSPENSE) if gross > 0 else (ledger.SUSPENSE, ledger.CLEARING)
            ledger.book(db, f"unknown:{line.id}", debit, credit, abs(gross), line.currency)
            _book_fee(db, line)
    return cents
