"""Compares our record with Stripe's, mends what can be mended and puts the rest on the staff's desk. Safe to repeat at any time.

Called by `flask reconcile`, by the nightly scan and after a backup was restored: each Stripe object then ends as a place, a
refund or a case, and a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import func, insert, select

from .. import clock
from ..config import current_settings
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import Checkout, Event, GatewayError
from ..models import PAYMENT_UNSETTLED, Case, Payment, Reconciliation
from ..rules.statuses import UNSETTLED
from ..transaction import end_read, retried, transaction
from . import adopted_refunds, attempts, audit, due, ending, fulfilment, refunds, stripe_inbox
from .holding_against import Report, alone, compare

T = TypeVar("T")

STRIPE_KEEPS = timedelta(days=30)
NIGHT = range(3, 6)
ONCE_A_NIGHT = timedelta(hours=12)
MISSED = timedelta(hours=48)
_LAST = select(func.max(Reconciliation.created_at))


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
        compare(report, list(gateway().movements()))
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
        with alone(report, name):
            report.mended[name] += int(mend(thing))


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


