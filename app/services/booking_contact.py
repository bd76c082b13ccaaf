"""Staff mend who a booking is for, and leave notes on it for one another. Called by the desk.

A new address gets a new link: the old one went to a mailbox that was wrong, and whoever reads that must not be able to cancel the
booking. So the tokens of the booking and of its orders are drawn anew with the address, and never for a name alone.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import BookingNote, ClubSession, Order, OrderItem, OutgoingEmail, Payment, Registration
from ..models.columns import new_token
from ..rules import offers
from ..rules.addresses import normalise_email
from ..rules.refusals import InvalidInput, Refusal, words
from ..rules.statuses import ACTIVE, UNSETTLED, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, bookings, letters, notices
from .bookings import Booking

LONGEST_NOTE = 2000
LETTERS = {
    RegistrationStatus.REGISTERED: "confirmation",
    RegistrationStatus.WAITLISTED: "waitlisted",
    RegistrationStatus.HELD: "payment_link",
}


class PayingNow(Refusal):
    status = 409
    text = words("The person is paying just now, and comes back by the old link. Change the address when that has ended.")


@retried
def edit(token: str, name: str, email: str, reason: str, actor: str, *, once: str) -> str:
    """Change name and address; returns the booking's token, which is another when the address is.

    Raises InvalidInput at the field, PayingNow while a payment is open.
    """
    with transaction() as db:
        booking = bookings.lock(db, token)
        registration = booking.registration
        if audit.done_before(db, "registration", registration.id, once):
            return registration.token
        _check(db, booking, name, email)
        ids = select(OrderItem.order_id).where(OrderItem.registration_id == registration.id)
        orders = db.execute(select(Order).where(Order.id.in_(ids)).order_by(Order.id)).scalars().all()
        moved = email != registration.email
        values: dict[str, object] = {"name": name}
        if moved:
            _check_not_paying(db, [order.id for order in orders])
            values |= {"email": email, "user_id": None}
        for order in orders:
            fresh = {"token": new_token()} if moved else {}
            db.execute(update(Order).where(Order.id == order.id).values(**values, **fresh))
        new = new_token() if moved else registration.token
        db.execute(update(Registration).where(Registration.id == registration.id).values(**values, token=new))
        audit.record(db, actor, "contact_changed", "registration", registration.id, reason=reason, address=moved, once=once)
        if moved:
            notices.forget_number(db, registration.id)  # whoever it belongs to agreed for a booking of their own
            _tell(db, booking, email, once)
        return new


def _check(db: Session, booking: Booking, name: str, email: str) -> None:
    registration = booking.registration
    if not name.strip():
        raise InvalidInput("name", words("Enter a name"))
    if email == registration.email:
        return
    if normalise_email(email) != email:
        raise InvalidInput("email", words("Enter an e-mail address in the correct format, like name@example.com"))
    there = (Registration.club_session_id == registration.club_session_id, Registration.email == email)
    active = select(Registration.reference).where(*there, Registration.status.in_(ACTIVE), Registration.id != registration.id)
    if registration.status in ACTIVE and db.execute(active).first() is not None:
        raise InvalidInput("email", words("This address has a booking in this session already."))


def _check_not_paying(db: Session, order_ids: list[int]) -> None:
    unsettled = select(Payment.id).where(Payment.order_id.in_(order_ids), Payment.status.in_(UNSETTLED))
    if db.execute(unsettled).first() is not None:
        raise PayingNow


def _tell(db: Session, booking: Booking, email: str, once: str) -> None:
    """The letter that says how the booking stands goes to the new address, and so does what was still to be sent."""
    registration, order_id = booking.registration, booking.order.id
    unsent = (OutgoingEmail.order_id == order_id, OutgoingEmail.sent_at.is_(None))
    db.execute(update(OutgoingEmail).where(*unsent).values(to=email))
    if registration.status is RegistrationStatus.OFFERED:  # offered anew: the link in the first mail is dead
        now = clock.now()
        here = db.execute(select(ClubSession).where(ClubSession.id == registration.club_session_id)).scalar_one()
        ends = offers.deadline(now, here.starts_at, here.time_zone)
        again = update(Registration).where(Registration.id == registration.id)
        db.execute(again.values(offered_at=now, offer_expires_at=ends))
        letters.owe_offer_letter(db, order_id, registration.id, now)
    elif template := LETTERS.get(registration.status):
        letters.owe_order_letter(db, template, order_id, key=f"contact:{registration.id}:{once}")


@retried
def note(token: str, text: str, actor: str, *, once: str) -> None:
    """Leave a note for the committee, with author and time; twice sent is once kept."""
    with transaction() as db:
        booking = bookings.lock(db, token)
        text = text.strip()
        if not text or len(text) > LONGEST_NOTE:
            raise InvalidInput("text", words("Enter a note of 2000 characters or fewer"))
        if db.execute(select(BookingNote.id).where(BookingNote.once == once)).first() is not None:
            return
        values = {"registration_id": booking.registration.id, "actor": actor, "text": text, "once": once}
        db.execute(insert(BookingNote).values(values))
        audit.record(db, actor, "noted", "registration", booking.registration.id)
