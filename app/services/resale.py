""""Refund me if someone takes my place": pays back those whose place somebody else has taken and paid for.

``settle`` runs in the transaction of every confirmed registration of a session where somebody waits for that, as the statements
say that read the session or confirm the booking (``ASKED_OF_…``). The rule is rules.refunds.replaced.
"""

from __future__ import annotations

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from ..models import ClubSession, Registration
from ..rules import refunds as refund_rules
from ..rules.statuses import RegistrationStatus
from ..transaction import connection_of
from . import audit, bookings, letters, paying_back

_other = aliased(Registration)
_WAITS = _other.replacement_wanted_at.is_not(None)
ASKED_OF_SESSION = exists().where(_other.club_session_id == ClubSession.id, _WAITS)
ASKED_OF_BOOKING = exists().where(_other.club_session_id == Registration.club_session_id, _WAITS)
"""SQL: whether somebody waits to be replaced in the session of the row. Nobody begins to while it is locked, and whoever does
changes the session's number in people's calendars."""


def settle(db: Session, club_session_id: int | None, actor: str) -> int:
    """Owe the refunds whose replacement is there now; how many. One statement when nobody waits for one.

    The caller has the club session locked, if only against change: of two who are confirmed at once the second waits for the
    wishes, and then sees the first.
    """
    wishes = connection_of(db).execute(_WISHES, {"club_session_id": club_session_id}).all()
    if not wishes:
        return 0
    capacity = db.execute(select(ClubSession.capacity).where(ClubSession.id == club_session_id)).scalar_one()
    confirmed = db.execute(
        select(func.coalesce(func.sum(Registration.places), 0)).where(
            Registration.club_session_id == club_session_id, Registration.status == RegistrationStatus.REGISTERED
        )
    ).scalar_one()
    done = refund_rules.replaced(capacity, confirmed, [(row.id, row.places) for row in wishes])
    for registration_id in done:
        _pay_back(db, registration_id, actor)
    return len(done)


_WISHES = (
    select(Registration.id, Registration.places)
    .where(Registration.club_session_id == bindparam("club_session_id"), Registration.replacement_wanted_at.is_not(None))
    .order_by(Registration.replacement_wanted_at, Registration.id)
    .with_for_update()
)


def _pay_back(db: Session, registration_id: int, actor: str) -> None:
    registration = db.execute(select(Registration).where(Registration.id == registration_id)).scalar_one()
    if registration.order_id is not None:
        bookings.lock_orders(db, registration_id)  # a staff refund of the same payment may be under way
    db.execute(update(Registration).where(Registration.id == registration_id).values(replacement_wanted_at=None))
    cents = paying_back.owe_for_booking(db, registration, registration.amount_paid_cents, "replaced", actor)
    audit.record(db, actor, "replaced", "registration", registration_id, cents=cents)
    if registration.order_id is not None and cents:
        only, key = bookings.line_of(db, registration).id, f"replaced:{registration_id}"
        letters.owe_order_letter(db, "replaced", registration.order_id, key=key, refund_cents=cents, only=only)
