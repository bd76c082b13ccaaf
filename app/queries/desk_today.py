"""What the committee wants to know when it opens the desk: the sessions of the week, and what waits for somebody to do it.

Called by the admin blueprint; five statements, however much there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ..extensions import db
from ..models import PAYMENT_UNSETTLED, Case, ClubSession, Listing, OutgoingEmail, Payment, Registration
from ..rules.statuses import PaymentStatus, RegistrationStatus, ReviewState, SessionStatus
from . import desk_door, desk_sessions, due_work, webhooks
from .desk_sessions import SessionLine

LATE = timedelta(minutes=15)
"""Background work that is due for so long is not being done."""
STUCK = timedelta(minutes=15)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Problems:
    """What somebody should look at; all empty when the club runs by itself. ``late`` is in minutes, by kind of work."""

    open_cases: int
    failed_mails: int
    stuck_payments: int
    """Not paid and not ended although their time is over: Stripe could not be asked."""
    late: Mapping[str, int]
    webhooks_silent_since: datetime | None
    """When somebody paid and Stripe's message about it did not come; None when its messages come."""
    drafts: Sequence[SessionLine]
    """Sessions of the club's own that start within the week and that nobody can see."""
    applications: int
    """People who applied for a session to come and have no answer yet."""
    listings: int
    """Sessions that hosts have paid for, and that the committee has to look at."""

    @property
    def any(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class TodayPage:
    today: Sequence[SessionLine]
    week: Sequence[SessionLine]
    """The six days after today."""
    doors: Sequence[SessionLine]
    """Those whose door is open about now, which around midnight are not today's alone."""
    problems: Problems


def page(now: datetime, midnight: datetime) -> TodayPage:
    """Everything on the page; ``midnight`` is when today began where the club is."""
    near = desk_sessions.between(midnight - desk_door.AFTER, midnight + WEEK)
    lines, tomorrow = [line for line in near if line.ends_at > midnight], midnight + timedelta(days=1)
    return TodayPage(
        today=[line for line in lines if line.starts_at < tomorrow and line.status != "draft"],
        week=[line for line in lines if line.starts_at >= tomorrow and line.status != "draft"],
        doors=desk_door.near(near, now),
        problems=_problems(now, [line for line in lines if line.status == "draft" and line.starts_at > now and not line.hosted]),
    )


def _problems(now: datetime, drafts: Sequence[SessionLine]) -> Problems:
    unpaid = (PaymentStatus.CREATED, PaymentStatus.OPEN)  # what is "processing" may take its bank days
    counts = {
        "cases": select(func.count()).select_from(Case).where(Case.closed_at.is_(None)),
        "mails": select(func.count())
        .select_from(OutgoingEmail)
        .where(OutgoingEmail.sent_at.is_(None), OutgoingEmail.failed_at.is_not(None)),
        "stuck": select(func.count())
        .select_from(Payment)
        .where(PAYMENT_UNSETTLED, Payment.status.in_(unpaid), Payment.expires_at < now - STUCK),
    }
    to_come = select(ClubSession.id).where(ClubSession.starts_at > now)  # and not by all bookings there ever were
    counts["applications"] = (
        select(func.count())
        .select_from(Registration)
        .where(Registration.club_session_id.in_(to_come), Registration.status == RegistrationStatus.UNDER_REVIEW)
    )
    waiting = (Listing.review == ReviewState.WAITING, ClubSession.status == SessionStatus.DRAFT, ClubSession.starts_at > now)
    of_hosts = select(func.count()).select_from(Listing).join(ClubSession, ClubSession.id == Listing.club_session_id)
    counts["listings"] = of_hosts.where(*waiting)
    columns = [statement.scalar_subquery().label(name) for name, statement in counts.items()]
    told, paid = webhooks.last_told(), webhooks.last_paid()
    row = db.session.execute(select(*columns, told.label("told"), paid.label("paid"))).one()
    late = {kind: seconds // 60 for kind, seconds in due_work.ages(now).items() if seconds > LATE.total_seconds()}
    return Problems(
        open_cases=int(row.cases),
        failed_mails=int(row.mails),
        stuck_payments=int(row.stuck),
        late=late,
        webhooks_silent_since=webhooks.silent_since(row.told, row.paid),
        drafts=drafts,
        applications=int(row.applications),
        listings=int(row.listings),
    )
