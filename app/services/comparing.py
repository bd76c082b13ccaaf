"""Comparing the books with Stripe's because a person asked: a row says that it is wanted, the worker does it, the row says how it
went.

Called by the desk (``ask``) and by the worker: the job for promptness, the scan for what a lost job or a crash left.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, insert, or_, select, update

from .. import clock, jobs
from ..models import ComparisonRequest
from ..rules.statuses import ComparisonOutcome
from ..transaction import retried, transaction
from . import audit, due, reconciling
from .holding_against import Report
from .writes import changed

JOB = "compare_books"
LEASE = timedelta(minutes=10)
"""A run takes seconds, or minutes after a busy month; what has not ended by then was lost with its worker and is run again."""
_R = ComparisonRequest
_UNCLAIMED = (_R.finished_at.is_(None), or_(_R.claimed_at.is_(None), _R.claimed_at < bindparam("lost")))
_ASKED = select(_R.id).where(*_UNCLAIMED)


@retried
def ask(actor: str) -> None:
    """Have the books compared soon. While one comparison is wanted or under way, asking again wants nothing more."""
    with transaction() as db:
        if db.execute(select(_R.id).where(_R.finished_at.is_(None))).first() is not None:
            return
        request_id = int(db.execute(insert(_R).values(actor=actor).returning(_R.id)).scalar_one())
        audit.record(db, actor, "comparison_asked", "comparison", request_id)
        jobs.enqueue(db, JOB, str(request_id))


def run(key: str) -> None:
    """The job: do what this request wants, unless somebody does or has done it."""
    _run(int(key))


def run_asked() -> int:
    """Do what is wanted and not under way; how many."""
    return sum(_run(request_id) for request_id in due.found(_ASKED, lost=clock.now() - LEASE))


def _run(request_id: int) -> bool:
    if not _claim(request_id):
        return False
    try:
        outcome = _outcome(reconciling.reconcile())
    except Exception:
        _finish(request_id, ComparisonOutcome.FAILED)
        raise
    _finish(request_id, outcome)
    return True


def _outcome(report: Report) -> ComparisonOutcome:
    if report.unreachable is not None:
        return ComparisonOutcome.UNREACHABLE
    if report.failed:
        return ComparisonOutcome.FAILED
    return ComparisonOutcome.DIFFERENT if report.difference_cents else ComparisonOutcome.EQUAL


@retried
def _claim(request_id: int) -> bool:
    now = clock.now()
    with transaction() as db:
        return changed(db, update(_R).where(_R.id == request_id, *_UNCLAIMED).values(claimed_at=now), {"lost": now - LEASE})


@retried
def _finish(request_id: int, outcome: ComparisonOutcome) -> None:
    with transaction() as db:
        db.execute(update(_R).where(_R.id == request_id).values(finished_at=clock.now(), outcome=outcome))
