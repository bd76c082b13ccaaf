"""A registration as a line of an order: fulfilled it is a place, released it gives the place back. Called through item_kinds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..models import ClubSession, OrderItem, Registration
from ..rules.statuses import ACTIVE, ENDED, TAKEN, OrderStatus, PaymentState, RegistrationStatus, SessionStatus
from . import audit, difference_item, places, resale, waitlist
from .writes import changed


class RegistrationItem:
    """See ItemHandler. The club session's row is locked before the registration's whenever both change."""

    letter = "confirmation"

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Registered if its place is kept; paid while it waits; late: only if the place is still free and not promised."""
        session_status = self._locked_session_status(db, item)
        registration = self._registration(db, item)
        cents = item.unit_amount_cents * item.quantity
        if session_status is SessionStatus.CANCELLED:
            return False
        if item.order_id != registration.order_id:
            return difference_item.fulfil(db, item, registration, actor, now)
        if registration.status in (RegistrationStatus.HELD, RegistrationStatus.OFFERED):
            return self._become(db, registration, RegistrationStatus.REGISTERED, cents, actor)
        if registration.status is RegistrationStatus.WAITLISTED:
            self._become(db, registration, RegistrationStatus.WAITLISTED, cents, actor)
            waitlist.deal(db, registration.club_session_id, actor)
            return True
        if registration.status is RegistrationStatus.EXPIRED and self._still_free(db, registration, now):
            return self._become(db, registration, RegistrationStatus.REGISTERED, cents, actor)
        return False

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Give back the place or the waitlist spot of a registration that has not been paid."""
        club_session_id = self.club_session_id(db, item)
        db.execute(select(ClubSession.id).where(ClubSession.id == club_session_id).with_for_update())
        registration = self._registration(db, item)
        if item.order_id != registration.order_id:
            return difference_item.release(db, item, registration, actor)
        if registration.status in ENDED:
            return None
        status = RegistrationStatus.CANCELLED if ended is OrderStatus.CANCELLED else RegistrationStatus.EXPIRED
        before = registration.status
        _set(db, registration.id, before, status)
        if before in TAKEN:
            places.release(db, registration.club_session_id, registration.places)
        elif before is RegistrationStatus.WAITLISTED:
            places.leave_waitlist(db, registration.club_session_id, registration.places)
        audit.record(db, actor, status, "registration", registration.id, places=registration.places)
        waitlist.deal(db, registration.club_session_id, actor, freed=registration.places if before in TAKEN else 0)

    def club_session_id(self, db: Session, item: OrderItem) -> int | None:
        return db.execute(
            select(Registration.club_session_id).where(Registration.id == item.registration_id)
        ).scalar_one_or_none()

    @staticmethod
    def _registration(db: Session, item: OrderItem) -> Registration:
        statement = select(Registration).where(Registration.id == item.registration_id).with_for_update()
        return db.execute(statement.execution_options(populate_existing=True)).scalar_one()

    @staticmethod
    def _become(db: Session, registration: Registration, status: RegistrationStatus, cents: int, actor: str) -> bool:
        paid = PaymentState.PAID if cents else PaymentState.FREE  # free for members, in an order that pays for something else
        _set(db, registration.id, registration.status, status, payment_status=paid, amount_paid_cents=cents)
        audit.record(db, actor, status, "registration", registration.id, places=registration.places)
        if status is RegistrationStatus.REGISTERED:
            resale.settle(db, registration.club_session_id, actor)
        return True

    @staticmethod
    def _locked_session_status(db: Session, item: OrderItem) -> SessionStatus:
        """The club session's status, with its row locked: whoever deals places holds it before they touch a registration."""
        of_item = select(Registration.club_session_id).where(Registration.id == item.registration_id).scalar_subquery()
        return db.execute(select(ClubSession.status).where(ClubSession.id == of_item).with_for_update()).scalar_one()

    @staticmethod
    def _still_free(db: Session, registration: Registration, now: datetime) -> bool:
        """Take the places again for a late payment, unless the session is over, they are gone, or somebody waits for them."""
        club_session = db.execute(
            select(ClubSession).where(ClubSession.id == registration.club_session_id).with_for_update()
        ).scalar_one()
        if club_session.status is not SessionStatus.PUBLISHED or now >= club_session.starts_at:
            return False
        booked_again = select(Registration.id).where(
            Registration.club_session_id == registration.club_session_id,
            Registration.email == registration.email,
            Registration.status.in_(ACTIVE),
        )
        if db.execute(booked_again).first() is not None:
            return False
        return places.take(db, registration.club_session_id, registration.places)


def _set(db: Session, registration_id: int, before: RegistrationStatus, status: RegistrationStatus, **values: object) -> None:
    """The guarded move; the row is locked, so losing it is a bug and not a race."""
    statement = update(Registration).where(Registration.id == registration_id, Registration.status == before)
    if not changed(db, statement.values(status=status, **values)):
        raise AssertionError(f"registration {registration_id} moved while it was locked")
