"""Staff mend who a booking is for, and leave notes on it for one another. Called by the desk.

A new address gets a new link: the old one went to a mailbox that was wrong, and whoever reads that must not be able to cancel the
booking. So the tokens of the booking and of its orders are drawn anew with the address, and never for a name alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import BookingNote, Order, OrderItem, OutgoingEmail, Payment, Registration
from ..models.columns import new_token
from ..rules import offers
from ..rules.addresses import normalise_email
from ..rules.refusals import InvalidInput, OrderNotOpen, Refusal, words
from ..rules.statuses import ACTIVE, UNSETTLED, ItemKind, RegistrationStatus
from ..transaction import retried, transaction
from . import application_letters, audit, bookings, letters, notices, orders
from .bookings import Booking

LONGEST_NOTE = 2000
LETTERS = {
    RegistrationStatus.REGISTERED: "confirmation",
    RegistrationStatus.WAITLISTED: "waitlisted",
    RegistrationStatus.HELD: "payment_link",
}
HAS_ONE = words("This address has a booking in this session already.")
HAS_ONE_OF_THESE = words("This address has a booking in one of these sessions already.")
STAYS = words("More than bookings was bought with this order, and that stays with who bought it. Cancel this booking and add it"
              " again for the other address.")  # fmt: skip


class PayingNow(Refusal):
    status = 409
    text = words("The person is paying just now, and comes back by the old link. Change the address when that has ended.")


@dataclass(frozen=True, slots=True)
class _Purchase:
    """What one address stands for: the booking, all bookings of its own order, and each order that asks money for one of them."""

    booking: Booking
    bookings: Sequence[Registration]
    orders: Sequence[Order]


@retried
def edit(token: str, name: str, email: str, reason: str, actor: str, *, once: str) -> str:
    """Change name and address; returns the booking's token, which is another when the address is.

    A name is this booking's alone. An address is the whole order's, whose mails and link are for all that was bought: its other
    bookings go along. Raises InvalidInput at the field, PayingNow while a payment is open.
    """
    with transaction() as db:
        bought = _lock(db, token)
        registration = bought.booking.registration
        if audit.done_before(db, "registration", registration.id, once):
            return registration.token
        if not name.strip():
            raise InvalidInput("name", words("Enter a name"))
        moved = email != registration.email
        if moved:
            _check_address(db, bought, email)
            _check_not_paying(db, bought)
        audit.record(db, actor, "contact_changed", "registration", registration.id, reason=reason, address=moved, once=once)
        if not moved:
            _rename(db, bought, name)
            return registration.token
        for other in bought.bookings:
            if other.id != registration.id:
                audit.record(db, actor, "contact_changed", "registration", other.id, reason=reason, address=True)
        fresh = _readdress(db, bought, name, email)
        _send_on(db, bought, email, fresh)
        _tell(db, bought, once)
        return fresh[token]


def _lock(db: Session, token: str) -> _Purchase:
    """The booking's order first: nothing is added to it without its lock. Then the later orders, the sessions, the bookings."""
    row = db.execute(select(Registration.order_id, Registration.email).where(Registration.token == token)).first()
    if row is None or row.order_id is None:
        raise OrderNotOpen
    own = orders.lock(db, row.order_id).id
    same = (Registration.order_id == own, Registration.email == row.email)
    there = select(Registration).where(*same).order_by(Registration.id)
    found = db.execute(there).scalars().all()
    asked = select(OrderItem.order_id).where(OrderItem.registration_id.in_([one.id for one in found]))
    locked = [orders.lock(db, each) for each in sorted({own, *db.execute(asked).scalars()})]
    booking = bookings.lock(db, token, *(one.club_session_id for one in found))
    return _Purchase(booking, db.execute(there.execution_options(populate_existing=True)).scalars().all(), locked)


def _check_address(db: Session, bought: _Purchase, email: str) -> None:
    if normalise_email(email) != email:
        raise InvalidInput("email", words("Enter an e-mail address in the correct format, like name@example.com"))
    things = (OrderItem.order_id == bought.booking.order.id, OrderItem.kind != ItemKind.REGISTRATION)
    if db.execute(select(OrderItem.id).where(*things)).first() is not None:
        raise InvalidInput("email", STAYS)
    places = [one.club_session_id for one in bought.bookings if one.status in ACTIVE]
    there = (Registration.club_session_id.in_(places), Registration.email == email, Registration.status.in_(ACTIVE))
    if db.execute(select(Registration.id).where(*there)).first() is not None:
        raise InvalidInput("email", HAS_ONE if len(places) == 1 else HAS_ONE_OF_THESE)


def _check_not_paying(db: Session, bought: _Purchase) -> None:
    ids = [order.id for order in bought.orders]
    unsettled = select(Payment.id).where(Payment.order_id.in_(ids), Payment.status.in_(UNSETTLED))
    if db.execute(unsettled).first() is not None:
        raise PayingNow


def _rename(db: Session, bought: _Purchase, name: str) -> None:
    """This booking, and its orders unless others are in them: those go on in the buyer's name."""
    registration = bought.booking.registration
    db.execute(update(Registration).where(Registration.id == registration.id).values(name=name))
    if len(bought.bookings) == 1:
        db.execute(update(Order).where(Order.id.in_([order.id for order in bought.orders])).values(name=name))


def _readdress(db: Session, bought: _Purchase, name: str, email: str) -> dict[str, str]:
    """Address and links of all of it; returns the new token of each old one. Another guest's name stays on their booking."""
    was = bought.booking.registration.name
    old = [*(one.token for one in bought.bookings), *(order.token for order in bought.orders)]
    fresh = {token: new_token() for token in old}
    for order in bought.orders:
        values = {"email": email, "user_id": None, "name": name, "token": fresh[order.token]}
        db.execute(update(Order).where(Order.id == order.id).values(values))
    for one in bought.bookings:
        values = {"email": email, "user_id": None, "name": name if one.name == was else one.name, "token": fresh[one.token]}
        db.execute(update(Registration).where(Registration.id == one.id).values(values))
        notices.forget_number(db, one.id)  # whoever it belongs to agreed for a booking of their own
    return fresh


def _send_on(db: Session, bought: _Purchase, email: str, fresh: Mapping[str, str]) -> None:
    """What was still to be sent goes to the new address, with the links that work."""

    def mended(text: str | None) -> str | None:
        for old, new in fresh.items():
            text = text and text.replace(old, new)
        return text

    unsent = (OutgoingEmail.order_id.in_([order.id for order in bought.orders]), OutgoingEmail.sent_at.is_(None))
    for mail in db.execute(select(OutgoingEmail).where(*unsent).order_by(OutgoingEmail.id)).scalars().all():
        context = json.loads(mended(json.dumps(mail.context)) or "{}")
        bodies = {"text_body": mended(mail.text_body), "html_body": mended(mail.html_body)}
        db.execute(update(OutgoingEmail).where(OutgoingEmail.id == mail.id).values(to=email, context=context, **bodies))


def _tell(db: Session, bought: _Purchase, once: str) -> None:
    """The letter that says how the booking stands, and each offer anew: the link in the first mail is dead."""
    registration, now = bought.booking.registration, clock.now()
    for one in bought.bookings:
        if one.status is RegistrationStatus.OFFERED:
            _offer_again(db, bought, one, now)
    if template := LETTERS.get(registration.status):
        letters.owe_order_letter(db, template, bought.booking.order.id, key=f"contact:{registration.id}:{once}")


def _offer_again(db: Session, bought: _Purchase, one: Registration, now: datetime) -> None:
    """With as much time as a new offer has, and no less than the one before it had: that may be the committee's own."""
    here = bought.booking.sessions[one.club_session_id]
    ends = max(offers.deadline(now, here.starts_at, here.time_zone), one.offer_expires_at or now)
    db.execute(update(Registration).where(Registration.id == one.id).values(offered_at=now, offer_expires_at=ends))
    if one.applied_at is None:
        return letters.owe_offer_letter(db, bought.booking.order.id, one.id, now)
    db.refresh(one)
    return application_letters.accepted(db, one, now, until=ends, message="", rolled=False)


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
