"""How much of a payment goes back, and until when. Called by services and by pages that state the terms before payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .money import percentage
from .statuses import RefundPolicy

FIRST_LOOK = timedelta(minutes=1)
LONGEST_REST = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a club session gives back to somebody who cancels up to ``until``. ``fee_cents`` is kept once a booking.

    What goes back under them is a multiple of ``step``, the currency's.
    """

    policy: RefundPolicy
    until: datetime | None
    percent: int = 100
    fee_cents: int = 0
    step: int = 1

    def back_cents(self, paid_cents: int) -> int:
        """What goes back of this payment under the policy, in minor units; 0 to ``paid_cents``."""
        match self.policy:
            case RefundPolicy.FULL:
                return paid_cents
            case RefundPolicy.PERCENTAGE:
                return min(paid_cents, percentage(paid_cents, self.percent, self.step))
            case RefundPolicy.FEE_KEPT:
                return max(0, paid_cents - self.fee_cents)
        return 0

    def in_time(self, starts_at: datetime, now: datetime) -> bool:
        """Whether cancelling now gives anything back: up to ``until``, and never once the session has started."""
        return self.policy is not RefundPolicy.NONE and self.until is not None and now <= min(self.until, starts_at)


def after_change(terms: Terms, starts_at: datetime, agreed_at: datetime, changed_at: datetime | None) -> Terms:
    """The terms for somebody who booked at ``agreed_at``, when time or place of the session changed at ``changed_at``.

    They agreed to something else, so they may have all of it back until the start, whatever the policy.
    """
    if changed_at is None or agreed_at > changed_at:
        return terms
    return Terms(RefundPolicy.FULL, starts_at)


def refundable_cents(here_cents: int, promised_cents: int) -> int:
    """What is left to refund: captured and not in a bank's hands, minus every refund not failed (promise 4); never below 0."""
    return max(0, here_cents - promised_cents)


def next_look_at(created_at: datetime, now: datetime) -> datetime:
    """When to ask again about a refund that a bank still sits on: soon at first, then after as long as it has taken already."""
    return now + min(max(now - created_at, FIRST_LOOK), LONGEST_REST)


def replaced(capacity: int, confirmed_places: int, wishes: list[tuple[int, int]]) -> list[int]:
    """Which "refund me if someone takes my place" wishes are fulfilled: ids of ``wishes`` [(id, places)], oldest first.

    A wish is fulfilled when no more places are unconfirmed than younger wishes gave up: then somebody sits on that place, and
    not merely on one that was empty anyway. First to ask, first refunded.
    """
    empty = max(0, capacity - confirmed_places)
    done: list[int] = []
    younger = sum(places for _, places in wishes)
    for wish, places in wishes:
        younger -= places
        if empty > younger:
            break
        done.append(wish)
    return done
