"""How much of a payment may go back, and until when. Called by services and by pages that state the terms before payment."""

from __future__ import annotations

from datetime import datetime


def refundable_cents(captured_cents: int, promised_cents: int) -> int:
    """What is left to refund: captured minus every refund not failed (promise 4); never below 0."""
    return max(0, captured_cents - promised_cents)


def may_self_cancel_with_refund(refund_until: datetime | None, starts_at: datetime, now: datetime) -> bool:
    """Whether the person may still cancel for a refund: up to ``refund_until``, and never once the session started."""
    return refund_until is not None and now <= min(refund_until, starts_at)
