"""Compares our record with Stripe's, mends what can be mended and puts the rest on the staff's desk. Safe to repeat at any time.

Called by `flask reconcile`, by the nightly scan and after a backup was restored: each Stripe object then ends as a place, a
refund or a case, and a second run changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import case, func, insert, or_, select, update

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import Checkout, Event, GatewayError, Movement
from ..models import PAYMENT_UNSETTLED, Case, LedgerEntry, Payment, Reconciliation
from ..rules.statuses import UNSETTLED
from ..transaction import end_read, retried, transaction
from . import adopted_refunds, attempts, audit, cases, due, ending, fulfilment, ledger, refunds, stripe_inbox

T = TypeVar("T")

STRIPE_KEEPS = timedelta(days=30)
STILL_MOVING = timedelta(minutes=10)
"""A payment touched so recently may be equal in a minute: its difference is counted, but no case is opened yet."""
NIGHT = range(3, 6)
ONCE_A_NIGHT = timedelta(hours=12)
MISSED = timedelta(hours=48)
_LAST = select(func.max(Reconciliation.created_at))
EQUAL_AGAIN = "equal again"


@dataclass(slots=True)
class Report:
    """What a run found. ``open_cases`` counts everything that waits for a person, older cases too. Amounts in minor units."""

    stripe_cents: int = 0
    ledger_cents: int = 0
    open_cases: int = 0
    unreachable: str | None = None
    failed: int = 0
    """Things that could not be mended because of an error of ours; the log has it."""
    mended: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def difference_cents(self) -> int:
        return self.stripe_cents - self.ledger_cents

    @property
    def in_order(self) -> bool:
        return not (self.difference_cents or self.open_cases or self.unreachable or self.failed)


def reconcile() -> Report:
    """Fetch what was missed, settle what is open, compare every payment's money, and write the result down."""
    report = Report()
    since = clock.now() - STRIPE_KEEPS
    try:
        _each(report, "events", gateway().undelivered_events(stripe_inbox.HANDLED, since), _missed_event)
        report.mended["payments"] = _settle_open(report)
        _each(report, "checkouts", gateway().paid_checkouts(since), _missed_checkout)
        refunds.send_due_refunds()
        _each(report, "refunds", gateway().refunds(since), adopted_refunds.take)
        _compare(report, list(gateway().movements()))
    except GatewayError as error:
        report.unreachable = str(error)
        current_app.logger.warning("reconciling stopped: %s", error)
    report.open_cases = _write_down(report)
    return report


def reconcile_if_due() -> int:
    """The nightly run, in the small hours of the club's zone; one that was missed for two nights runs at once."""
    now = clock.now()
    [last] = due.found(_LAST)
    at_night = now.astimezone(ZoneInfo(current_settings().time_zone)).hour in NIGHT
    tonight = at_night and (last is None or now - last > ONCE_A_NIGHT)
    if tonight or (last is not None and now - last > MISSED):
        reconcile()
    return 0  # never "look again at once": the next is tomorrow's


def _each(report: Report, name: str, things: Iterable[T], mend: Callable[[T], bool]) -> None:
    """Read all, then mend one by one, oldest first: the call and the transactions take turns, one never inside the other."""
    for thing in reversed(list(things)):
        try:
            report.mended[name] += int(mend(thing))
        except GatewayError:
            raise
        except Exception:  # one that cannot be mended must not hide the rest
            report.failed += 1
            current_app.logger.exception("reconciling: one of the %s failed", name)


def _missed_event(event: Event) -> bool:
    return stripe_inbox.take(event)


def _settle_open(report: Report) -> int:
    """Look up every payment that may still become money, due or not."""
    ids = flask_db.session.execute(select(Payment.id).where(PAYMENT_UNSETTLED).order_by(Payment.id)).scalars().all()
    end_read()
    for payment_id in ids:
        try:
            ending.settle_payment(payment_id)
        except Exception:
            report.failed += 1
            current_app.logger.exception("reconciling: payment %s failed", payment_id)
    still = select(func.count()).select_from(Payment).where(Payment.id.in_(ids), Payment.status.in_(UNSETTLED))
    return len(ids) - int(flask_db.session.execute(still).scalar_one())


@retried
def _missed_checkout(checkout: Checkout) -> bool:
    """A paid Checkout of ours: fulfilled here, or a case when we know no such order (an older backup was restored)."""
    if not checkout.ours or not checkout.paid:
        return False
    with transaction() as db:
        attempt = attempts.find(db, checkout)
        if attempt is None:
            stripe_inbox.open_unknown(db, checkout)
            return False
        applied = fulfilment.apply(db, attempt, checkout, audit.WORKER)
        return applied in (fulfilment.Applied.FULFILLED, fulfilment.Applied.REFUNDED)


def _compare(report: Report, lines: list[Movement]) -> None:
    """Stripe's books against ours, payment by payment; what is unequal and no longer moving becomes a case."""
    by_intent: dict[str, list[Movement]] = defaultdict(list)
    for line in lines:
        if line.payment_intent_id is not None:
            by_intent[line.payment_intent_id].append(line)
    ours = _payments()
    for intent, payment_id in ours.items():
        _book_fees(payment_id, by_intent.get(intent, []))
    balances = _clearing()
    for intent, payment_id in ours.items():
        there = sum(line.net_cents for line in by_intent.get(intent, []))
        here = balances.get(payment_id, 0)
        report.stripe_cents += there
        report.ledger_cents += here
        _judge(payment_id, there, here, by_intent.get(intent, []))
    for intent, unknown in by_intent.items():
        if intent not in ours and any(line.ours for line in unknown):
            report.stripe_cents += sum(line.net_cents for line in unknown)
            report.ledger_cents += _unknown(intent, unknown)


def _payments() -> dict[str, int]:
    rows = flask_db.session.execute(select(Payment.payment_intent_id, Payment.id).where(Payment.payment_intent_id.is_not(None)))
    found = {row.payment_intent_id: row.id for row in rows}
    end_read()
    return found


def _clearing() -> dict[int, int]:
    """What our books say Stripe holds, by payment."""
    signed = case((LedgerEntry.debit_account == ledger.CLEARING, LedgerEntry.amount_cents), else_=-LedgerEntry.amount_cents)
    touches = or_(LedgerEntry.debit_account == ledger.CLEARING, LedgerEntry.credit_account == ledger.CLEARING)
    rows = flask_db.session.execute(
        select(LedgerEntry.payment_id, func.sum(signed).label("cents")).where(touches).group_by(LedgerEntry.payment_id)
    )
    found = {row.payment_id: int(row.cents) for row in rows if row.payment_id is not None}
    end_read()
    return found


@retried
def _book_fees(payment_id: int, lines: list[Movement]) -> None:
    """What Stripe kept for itself, once for each of its lines; the payment shows the sum."""
    charged = [line for line in lines if line.fee_cents > 0]
    if not charged:
        return
    with transaction() as db:
        total = sum(line.fee_cents for line in charged)
        known = db.execute(select(Payment.fee_cents).where(Payment.id == payment_id)).scalar_one()
        if known == total:
            return
        for line in charged:
            ledger.book(
                db, f"fee:{line.id}", ledger.FEES, ledger.CLEARING, line.fee_cents, line.currency, payment_id=payment_id
            )
        db.execute(update(Payment).where(Payment.id == payment_id).values(fee_cents=total))


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
            ledger.book(db, f"fee:{line.id}", ledger.FEES, ledger.CLEARING, line.fee_cents, line.currency)
    return cents


@retried
def _write_down(report: Report) -> int:
    """Store the run; returns how many cases wait for a person."""
    with transaction() as db:
        open_cases = int(db.execute(select(func.count()).select_from(Case).where(Case.closed_at.is_(None))).scalar_one())
        if report.unreachable is None:
            db.execute(insert(Reconciliation).values(_values(report, open_cases)))
        return open_cases


def _values(report: Report, open_cases: int) -> dict[str, object]:
    return {
        "stripe_cents": report.stripe_cents,
        "ledger_cents": report.ledger_cents,
        "difference_cents": report.difference_cents,
        "open_cases": open_cases,
        "mended": dict(report.mended),
    }


