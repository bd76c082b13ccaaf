"""Who is a member now. Read by pages that show a price and, in the same words, by the service that freezes it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import Membership, User


def is_active_member(db: Session, user_id: int | None, email: str | None, now: datetime) -> bool:
    """Whether the person signed in has an active membership today in the club's zone, and books under their own address.

    Only the signed-in owner of an address counts: typing a member's address buys nobody a member's price.
    ``email`` None: a page that does not know yet who will be booked. No statement for a visitor who is not signed in.
    """
    if user_id is None:
        return False
    today = now.astimezone(ZoneInfo(current_settings().time_zone)).date()
    statement = (
        select(Membership.id)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.user_id == user_id,
            Membership.starts_on <= today,
            Membership.ends_on >= today,
            Membership.revoked_at.is_(None),
        )
        .limit(1)
    )
    if email is not None:
        statement = statement.where(User.email == email)
    return db.execute(statement).first() is not None
