"""Forgets people whom the club no longer needs to know: names, addresses and answers of bookings long past.

Called by `flask purge`. Amounts, dates and references stay, because the books need them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import BookingNote, ClubSession, Order, OrderItem, OutgoingEmail, Payment, Registration, StripeEvent
from ..rules.statuses import ACTIVE, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, notices

KEEP = timedelta(days=2 * 365)
"""How long after a session somebody may still ask about a booking."""
KEEP_EVENTS = timedelta(days=90)
"""Stripe itself forgets an event after 30 days; its id stays, so that a repetition is still known."""
BATCH = 500
FORGOTTEN = "(forgotten)"


def purge() -> int:
    """Anonymise every booking whose session ended longer ago than KEEP; returns how many. Repeating it changes nothing more."""
    _empty_events()
    done = 0
    while batch := _purge_batch():
        done += batch
    return done


@retried
def _empty_events() -> None:
    """What Stripe told us holds names and addresses: long after it was acted on, only that it came is kept."""
    old = (StripeEvent.processed_at < clock.now() - KEEP_EVENTS,)
    with transaction() as db:
        db.execute(update(StripeEvent).where(*old).values(payload={}).execution_options(synchronize_session=False))


@retried
def _purge_batch() -> int:
    with transaction() as db:
        due = (
            select(Registration.id, Registration.order_id)
            .join(ClubSession, ClubSession.id == Registration.club_session_id)
            .where(ClubSession.ends_at < clock.now() - KEEP, Registration.name != FORGOTTEN)
            .where(Registration.status.not_in(ACTIVE - {RegistrationStatus.REGISTERED}))
            .order_by(Registration.id)
            .limit(BATCH)
        )
        rows = db.execute(due).all()
        for row in rows:
            forget(db, row.id, row.order_id, audit.COMMAND)
        return len(rows)


def forget(db: Session, registration_id: int, order_id: int | None, actor: str) -> None:
    """Anonymise one booking and its order inside the caller's transaction. Also called when somebody deletes their account."""
    address = f"forgotten-{registration_id}@invalid.example"
    values: dict[str, Any] = {"name": FORGOTTEN, "email": address, "answers": {}, "user_id": None}
    db.execute(update(Registration).where(Registration.id == registration_id).values(values))
    db.execute(delete(BookingNote).where(BookingNote.registration_id == registration_id))
    notices.forget(db, registration_id)
    differences = select(OrderItem.order_id).where(OrderItem.registration_id == registration_id)
    for each in {order_id, *db.execute(differences).scalars()} - {None}:
        db.execute(update(Order).where(Order.id == each).values(name=FORGOTTEN, email=address, user_id=None))
        db.execute(update(Payment).where(Payment.order_id == each).values(params={}))  # held the address for Stripe
        db.execute(delete(OutgoingEmail).where(OutgoingEmail.order_id == each))
    audit.record(db, actor, "forgotten", "registration", registration_id)
