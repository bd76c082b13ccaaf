"""What cancelling a whole session would do, and how far it has come once it is done. Called by the admin blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, select

from ..extensions import db
from ..models import ClubSession, OrderItem, OutgoingEmail, Refund, Registration
from ..rules.statuses import ACTIVE, SESSION_MOVES, RefundStatus, RegistrationStatus, SessionStatus, may_become
from . import gone_back
from .mailboxes import has_mailbox

_R = Registration
TEMPLATE, REASON = "session_cancelled", "session_cancelled"


@dataclass(frozen=True, slots=True)
class Ending:
    """One session with its active bookings counted by status, and what would go back to them in minor units."""

    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    location: str
    currency: str
    status: SessionStatus
    cancel_reason: str | None
    done_at: datetime | None
    bookings: Mapping[RegistrationStatus, int]
    without_address: int
    """Bookings among them whose people gave no address: nobody can write to them."""
    refund_cents: int
    refunds: int
    """How many bookings get something back."""
    told: int
    """Letters about the cancellation that went out, of ``to_tell`` that are owed."""
    to_tell: int
    sent_back_cents: int
    """What went back because of it, or is on its way."""
    hosted: bool
    """It has a host, who is told and may have paid for the listing."""

    @property
    def may_cancel(self) -> bool:
        return may_become(SESSION_MOVES, self.status, SessionStatus.CANCELLED)

    @property
    def people(self) -> int:
        """Bookings that end and are told so: each that has an address gets one letter."""
        return sum(self.bookings.values()) - self.without_address

    def count(self, status: str) -> int:
        return self.bookings.get(RegistrationStatus(status), 0)


def of_session(slug: str) -> Ending | None:
    """The figures, or None for an unknown session. Four statements."""
    c = db.session.execute(select(ClubSession).where(ClubSession.slug == slug)).scalar_one_or_none()
    if c is None:
        return None
    active = (_R.club_session_id == c.id, _R.status.in_(ACTIVE))
    unreachable = func.sum(case((has_mailbox(_R.email), 0), else_=1))
    counted = db.session.execute(select(_R.status, func.count(), unreachable).where(*active).group_by(_R.status)).all()
    back = db.session.execute(_back(active)).one()
    row = db.session.execute(_progress(c.id)).one()
    return Ending(
        slug=c.slug,
        title=c.title,
        starts_at=c.starts_at,
        ends_at=c.ends_at,
        time_zone=c.time_zone,
        location=c.location,
        currency=c.currency,
        status=c.status,
        cancel_reason=c.cancel_reason,
        done_at=c.wound_up_at,
        bookings={status: int(number) for status, number, _nowhere in counted},
        without_address=sum(int(nowhere) for _status, _number, nowhere in counted),
        refund_cents=int(back.cents),
        refunds=int(back.number),
        told=int(row.told),
        to_tell=int(row.to_tell),
        sent_back_cents=int(row.sent_back),
        hosted=c.host_user_id is not None,
    )


def _back(active: tuple[ColumnElement[bool], ...]) -> Select[Any]:
    """How many bookings have paid something that has not gone back, and how much that is."""
    lines = gone_back.of_lines()
    mine = select(func.coalesce(func.sum(lines.c.cents), 0)).where(lines.c.registration_id == _R.id)
    gone = mine.correlate(_R).scalar_subquery()
    left = _R.amount_paid_cents - gone
    return select(func.count().label("number"), func.coalesce(func.sum(left), 0).label("cents")).where(*active, left > 0)


def _progress(club_session_id: int) -> Select[Any]:
    """Letters owed and sent about the bookings of this session, and the money that went back for them because of it."""
    keys = select(literal(f"{TEMPLATE}:registration:") + cast(_R.id, String)).where(_R.club_session_id == club_session_id)
    letters = (OutgoingEmail.template == TEMPLATE, OutgoingEmail.dedupe_key.in_(keys))
    lines = select(OrderItem.id).join(_R, _R.id == OrderItem.registration_id).where(_R.club_session_id == club_session_id)
    repaid = (Refund.order_item_id.in_(lines), Refund.reason == REASON, Refund.status != RefundStatus.FAILED)
    to_tell = select(func.count()).select_from(OutgoingEmail).where(*letters)
    told = to_tell.where(OutgoingEmail.sent_at.is_not(None))
    cents = func.coalesce(func.sum(Refund.amount_cents), 0)
    sent_back = select(cents).where(*repaid)
    sums = {"to_tell": to_tell, "told": told, "sent_back": sent_back}
    return select(*(statement.scalar_subquery().label(name) for name, statement in sums.items()))
