"""Names the work that happens later: each job for promptness, each scan for truth. Called once by ``create_app``."""

from __future__ import annotations

from .. import jobs
from . import (
    changed_sessions,
    comparing,
    holds,
    item_kinds,
    ledger_balances,
    letters,
    membership_reminders,
    notices,
    offers,
    old_baskets,
    outbox,
    product_files,
    reconciling,
    refunds,
    reviewing,
    stripe_inbox,
    waitlist,
    winding_up,
)


def register() -> None:
    """Make known what is sold, and tell the job engine what it may run.

    A job and the scan of the same work may run at once: each claims its row.
    """
    item_kinds.register()
    jobs.register_job(outbox.SEND_JOB, outbox.send_owed, followed_by="mails sent")
    jobs.register_job(notices.SEND_JOB, notices.send_owed, followed_by="notices sent")
    jobs.register_job("send_refund", refunds.send_owed)
    jobs.register_job(comparing.JOB, comparing.run)
    jobs.register_job(changed_sessions.JOB, changed_sessions.run)
    jobs.register_scan("holds ended", holds.end_due_holds)
    jobs.register_scan("offers ended", offers.expire_due_offers)
    jobs.register_scan("sessions wound up", winding_up.wind_up)
    jobs.register_scan("payments settled", holds.settle_unsettled_payments)
    jobs.register_scan("events retried", stripe_inbox.retry_unprocessed)
    jobs.register_scan("refunds sent", refunds.send_due_refunds)
    jobs.register_scan("refunds looked up", refunds.look_up_pending)
    jobs.register_scan("listings looked at too late", reviewing.reject_begun)
    jobs.register_scan("free places dealt", winding_up.deal_free_places)
    jobs.register_scan("comparisons asked for", comparing.run_asked)
    jobs.register_scan("books compared", reconciling.reconcile_if_due)
    jobs.register_scan("books carried forward", ledger_balances.carry_forward)
    jobs.register_scan("memberships ending", membership_reminders.remind_due)
    jobs.register_scan("baskets forgotten", old_baskets.forget_old)
    jobs.register_scan("files cleared away", product_files.clear_away)
    jobs.register_scan("changes told", changed_sessions.tell_due)
    jobs.register_scan("mails sent", outbox.send_due)
    jobs.register_scan("notices sent", notices.send_due)
    for template in ("offer", "accepted"):
        outbox.after_sent(template, waitlist.start_clock)
    for template in letters.STARTS_MEMBERSHIP:
        outbox.after_sent(template, letters.forget_link)
