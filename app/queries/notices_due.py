"""WhatsApp notices for whoever watches: how many are owed, and how many were given up that somebody should still hear by.

Called by the operator's figures and the doctor. An offer that was answered meanwhile, or a number taken back, needs nobody.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from ..models import Order, OutgoingNotice, Registration
from ..rules.statuses import RegistrationStatus

_N, _R = OutgoingNotice, Registration
OWED = (_N.sent_at.is_(None), _N.failed_at.is_(None))
OF_OFFER = "place_offered"


def owed() -> Select[tuple[int]]:
    """SQL: how many are not sent yet."""
    return select(func.count()).select_from(_N).where(*OWED)


def failed() -> Select[tuple[int]]:
    """SQL: how many wait for a person."""
    booking = and_(_R.whatsapp_number.is_not(None), or_(_N.kind != OF_OFFER, _R.status == RegistrationStatus.OFFERED))
    given_up = (_N.sent_at.is_(None), _N.failed_at.is_not(None))
    about = select(func.count()).select_from(_N).outerjoin(_R, _R.id == _N.registration_id)
    about = about.outerjoin(Order, Order.id == _N.order_id)
    return about.where(*given_up, or_(booking, Order.whatsapp_number.is_not(None)))


def oldest() -> Select[Any]:
    """SQL: since when the oldest has been due."""
    return select(func.min(_N.next_attempt_at)).where(*OWED)
