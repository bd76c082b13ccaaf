"""Owes the mails that answer an application: accepted (an offer with a deadline), in reserve, declined. Called by the reserve and
by the committee's decisions, inside their transaction.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession, Registration
from ..rules import offers
from . import letters


def accepted(
    db: Session, registration: Registration, offered_at: datetime, *, until: datetime | None, message: str, rolled: bool
) -> None:
    """A place is kept for them. Without ``until`` the time to answer is counted from the moment the mail is handed over."""
    if registration.order_id is None:
        return
    starts_at = db.execute(select(ClubSession.starts_at).where(ClubSession.id == registration.club_session_id)).scalar_one()
    offer = {
        "url": f"{current_settings().site_url}/offers/{registration.token}",
        "registration_id": registration.id,
        "minutes": int(offers.time_to_answer(offered_at, starts_at).total_seconds() // 60),
        "until": until.isoformat() if until else None,
        "rolled": rolled,
    }
    key = letters.offer_key(registration.id, offered_at)
    letters.owe_with(db, "accepted", registration.order_id, key, offer=offer, message=message)


def answered(db: Session, template: str, registration: Registration, message: str) -> None:
    """``in_reserve`` or ``declined``, with the committee's words if there are any."""
    if registration.order_id is not None:
        letters.owe_with(db, template, registration.order_id, f"{template}:{registration.id}", message=message)
