"""What cancelling gives back, as a session's rows say it. Called by pages, by letters and by the services that cancel."""

from __future__ import annotations

from ..models import ClubSession, Registration
from ..rules import money, refunds


def of_session(club_session: ClubSession) -> refunds.Terms:
    """The session's own terms, for whoever books now."""
    c = club_session
    return refunds.Terms(c.refund_policy, c.refund_until, c.refund_percent, c.refund_fee_cents, money.step(c.currency))


def of_booking(club_session: ClubSession, registration: Registration) -> refunds.Terms:
    """The terms of one booking: better ones than the session's when time or place changed after it was made, or moved there."""
    agreed_at = registration.moved_at or registration.offered_at or registration.created_at
    return refunds.after_change(of_session(club_session), club_session.starts_at, agreed_at, club_session.changed_at)
