"""How long a place is kept while it is being paid. Called when a hold is made and by the pages that state it."""

from __future__ import annotations

from datetime import datetime, timedelta

CHECKOUT_MINIMUM = timedelta(minutes=35)
"""Stripe refuses less than 30 minutes; 35 leaves room for a slow retry of the very same parameters (STRIPE §1.7)."""

FIRST_CHECK = timedelta(seconds=45)
"""After this an unsettled payment is looked up at Stripe: with no webhook at all, everything settles within a minute."""
CHECK_EVERY = timedelta(seconds=45)
RETRY_AFTER = timedelta(seconds=30)
"""Stripe could not be reached: keep the hold and look again."""


def hold_expires_at(now: datetime, hold_minutes: int) -> datetime:
    """The moment the hold is due to end (it ends when its Checkout can no longer be paid, promise 10)."""
    return now + timedelta(minutes=hold_minutes)


def checkout_expires_at(now: datetime, hold_minutes: int) -> datetime:
    """Checkout's own ``expires_at``: the later of the hold's end and 35 minutes from now, in whole seconds."""
    return max(hold_expires_at(now, hold_minutes), now + CHECKOUT_MINIMUM).replace(microsecond=0)
