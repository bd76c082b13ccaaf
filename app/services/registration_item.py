"""A registration as a line of an order: quoted, its places taken, paid for, let go and refunded. Called through ``items``.

The one handler whose item names its row in ``order_items`` itself; every other kind has a table of its own, keyed by the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, bindparam, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, OrderItem, Registration
from ..models.columns import new_reference
from ..rules import capacity
from ..rules.refusals import AlreadyRegistered, SessionCancelled, SessionFull, WaitlistNotAccepted
from ..rules.statuses import (
    ENDED,
    TAKEN,
    Entry,
    ItemKind,
    OrderStatus,
    PaymentState,
    RegistrationStatus,
    SessionStatus,
    WaitlistPayment,
)
from ..transaction import Overtaken
from . import (
    audit,
    difference_item,
    letters,
    notices,
    order_lines,
    orders,
    places,
    refund_marks,
    registration_payment,
    registration_quotes,
    resale,
    unpaid_ends,
    waitlist,
)
from .items import Buyer, ItemHandler, OrderKey, Recorded, Reserved, Wanted
from .registration_quotes import QuotedPlaces
from .writes import moved, written

PLENTY = 32
"""So many places must be left over for a booking to be written before its place is taken: as many as may be at it at once."""
LETTERS = {RegistrationStatus.WAITLISTED: "waitlisted", RegistrationStatus.UNDER_REVIEW: "applied"}
"""What is said of a booking that is no place yet."""
_ITS = Registration.id == bindparam("registration_id")
_ALLOWS = (
    select(ClubSession.allow_promotion_codes)
    .join(Registration, Registration.club_session_id == ClubSession.id)
    .where(_ITS, Registration.order_id == bindparam("order_id"))
)


class RegistrationItem(ItemHandler[QuotedPlaces]):
    """See ItemHandler. The club session's row is locked before the registration's whenever both change."""

    kind: ClassVar[ItemKind] = ItemKind.REGISTRATION
    rank: ClassVar[int] = 10
    in_baskets: ClassVar[bool] = True
    single: ClassVar[bool] = False

    def quote(self, db: Session, wanted: Wanted, buyer: Buyer, now: datetime) -> QuotedPlaces:
        return registration_quotes.quote(db, wanted, buyer, now)

    def check_available(self, quoted: QuotedPlaces) -> None:
        """What reserving would say by the counters that the quote read."""
        capacity.decide_entry(registration_quotes.counters(quoted.club_session), quoted.wanted.quantity, accept_waitlist=False)

    def check_had(self, db: Session, quoted: QuotedPlaces, buyer: Buyer) -> None:
        """One active registration for each session and address."""
        if registration_quotes.booked(db, quoted.wanted.slug, buyer) is not None:
            raise AlreadyRegistered

    def tell_had(self, db: Session, wanted: Wanted, buyer: Buyer) -> None:
        """The link to their booking, once an hour."""
        order_id, hour = registration_quotes.booked(db, wanted.slug, buyer), f"{clock.now():%Y%m%d%H}"
        if order_id is not None:
            letters.owe_order_letter(db, "booking_link", order_id, key=f"booking-link:{order_id}:{hour}")

    def path(self, slug: str) -> str:
        return f"/sessions/{slug}"

    def reserve(self, db: Session, quoted: QuotedPlaces, buyer: Buyer, now: datetime) -> Reserved[QuotedPlaces]:
        """Take the places by the guarded statement where the quote saw them free; when they are not, read again and decide.

        Most who come too late are told by what the quote read, so that those behind them in line wait for two statements less.
        """
        club_session, wanted = quoted.club_session, quoted.wanted
        if club_session.entry is Entry.APPLICATION:
            return self._apply(db, quoted)
        if _decision(club_session, wanted) is capacity.Decision.PLACE:
            if _take_as_told(db, quoted):
                return Reserved(quoted)
            told, club_session = club_session.calendar_sequence, registration_quotes.again(db, club_session.id)
            changed = club_session.calendar_sequence != told
            if changed or _decision(club_session, wanted) is capacity.Decision.PLACE:  # freed in this very moment
                raise Overtaken
        if buyer.joins:  # joined for a place that went meanwhile: ask again, without the membership
            raise WaitlistNotAccepted
        if not places.join_waitlist(db, club_session.id, wanted.quantity):
            raise SessionFull
        return Reserved(quoted, waits=True, pays_now=club_session.waitlist_payment is WaitlistPayment.UPFRONT)

    def may_take_last(self, quoted: QuotedPlaces) -> bool:
        """While more are free than those who are at it can take."""
        left = registration_quotes.counters(quoted.club_session).places_left
        return quoted.club_session.entry is not Entry.APPLICATION and left >= quoted.wanted.quantity + PLENTY

    def take_last(self, db: Session, quoted: QuotedPlaces) -> bool:
        return _take_as_told(db, quoted)

    def record(
        self, db: Session, order: OrderKey, reserved: Reserved[QuotedPlaces], buyer: Buyer, now: datetime, *, done: bool
    ) -> Recorded:
        """Write the registration, held unless nothing is to pay or it waits, and the item that names it."""
        quoted, reference = reserved.quoted, new_reference()
        status = self._status(reserved, done=done)
        values = {
            "reference": reference,
            "club_session_id": quoted.subject_id,
            "user_id": buyer.user_id,
            "order_id": order.id,
            "name": buyer.name,
            "email": buyer.address,
            "places": quoted.wanted.quantity,
            "status": status,
            "payment_status": PaymentState.PENDING if quoted.total_cents else PaymentState.FREE,
            "price_cents": quoted.total_cents,
            "is_member": quoted.as_member,
            "answers": quoted.answers,
            "waitlisted_at": now if status is RegistrationStatus.WAITLISTED else None,
            "applied_at": now if status is RegistrationStatus.UNDER_REVIEW else None,
            **notices.agreed(buyer.whatsapp_number, now),
        }
        booking = written(db, Registration, **values)
        whole = order_lines.summed(quoted.title, quoted.lines)
        item = orders.add_item(db, order.id, self.kind, whole, registration_id=booking.id, lines=quoted.lines)
        audit.record(db, buyer.actor, status, "registration", booking.id, places=booking.places, reference=reference)
        metadata = {"registrationId": reference, "socialSessionId": quoted.club_session.slug}
        line = order_lines.Line(item, booking, quoted.club_session)
        return Recorded(item.id, reserved, metadata, LETTERS.get(status, "confirmation"), line)

    def after_order(self, db: Session, recorded: Recorded, buyer: Buyer) -> None:
        """A place may be free that those ahead cannot use; a place that is taken may be one that somebody gave up."""
        club_session_id = recorded.reserved.quoted.subject_id
        if recorded.reserved.quoted.club_session.entry is Entry.APPLICATION:
            return
        if recorded.reserved.waits:
            waitlist.deal(db, club_session_id, buyer.actor)
        elif recorded.reserved.quoted.may_replace:
            resale.settle(db, club_session_id, buyer.actor)

    def metadata(self, db: Session, item: OrderItem) -> Mapping[str, str]:
        row = db.execute(
            select(Registration.reference, ClubSession.slug)
            .join(ClubSession, ClubSession.id == Registration.club_session_id)
            .where(Registration.id == item.registration_id)
        ).one()
        return {"registrationId": row.reference, "socialSessionId": row.slug}

    def letter(self, db: Session, item: OrderItem) -> str:
        """Paid upfront, but no place yet: nothing may call it confirmed (promise 11)."""
        return LETTERS.get(db.get_one(Registration, item.registration_id).status, "confirmation")

    def apology(self, ended: OrderStatus) -> str:
        return "refunded_late" if ended is OrderStatus.EXPIRED else "refunded_cancelled"

    def refund(self, db: Session, item: OrderItem, gone_cents: int, actor: str) -> None:
        """Say on the registration how much of what was paid for it has gone back. Cancelling is its own act."""
        if item.registration_id is None:
            return
        refund_marks.mark_booking(db, item.registration_id)
        if gone_cents >= item.unit_amount_cents * item.quantity:
            back = (Registration.amount_paid_cents <= gone_cents, Registration.payment_status != PaymentState.FREE)
            touched = or_(Registration.amount_paid_cents > 0, Registration.status.in_(ENDED))
            owes_nothing = Registration.owed_cents == 0  # asked for more since: that is what it says then
            mine = update(Registration).where(*_own(item), *back, touched, owes_nothing)
            statement = mine.values(payment_status=PaymentState.REFUNDED)
            db.execute(statement.execution_options(synchronize_session=False))

    def bought_nothing(self, db: Session, item: OrderItem) -> None:
        """It is paid, until the money has gone back."""
        if cents := item.unit_amount_cents * item.quantity:
            values = {"payment_status": PaymentState.PAID, "amount_paid_cents": cents}
            db.execute(update(Registration).where(*_own(item)).values(values))

    def fulfil(self, db: Session, item: OrderItem, actor: str, now: datetime) -> bool:
        """Registered if its place is kept; paid while it waits; late: only if the place is still free and not promised."""
        return registration_payment.fulfil(db, item, actor, now)

    def release(self, db: Session, item: OrderItem, ended: OrderStatus, actor: str) -> None:
        """Give back the place or the waitlist spot of a registration that has not been paid."""
        session_status = registration_payment.locked_session_status(db, item)
        registration = registration_payment.locked_booking(db, item)
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
        if session_status is SessionStatus.CANCELLED:
            unpaid_ends.tell(db, item, registration.id)
        waitlist.deal(db, registration.club_session_id, actor, freed=registration.places if before in TAKEN else 0)

    def takes_promotions(self, db: Session, item: OrderItem) -> bool:
        """By the session's setting, for the booking itself; what a change of it costs more has its price."""
        own = {"registration_id": item.registration_id, "order_id": item.order_id}
        return bool(db.execute(_ALLOWS, own).scalar_one_or_none())

    def club_session_id(self, db: Session, item: OrderItem) -> int | None:
        registration = db.get(Registration, item.registration_id) if item.registration_id is not None else None
        return registration.club_session_id if registration is not None else None

    @staticmethod
    def _apply(db: Session, quoted: QuotedPlaces) -> Reserved[QuotedPlaces]:
        """An application takes nothing, but comes before or after a cancellation and never beside it, so that all are told."""
        its_status = select(ClubSession.status).where(ClubSession.id == quoted.subject_id)
        status = db.execute(its_status.with_for_update(key_share=True)).scalar_one()
        if status is not SessionStatus.PUBLISHED:
            raise SessionCancelled
        return Reserved(quoted, waits=True, pays_now=False)

    @staticmethod
    def _status(reserved: Reserved[QuotedPlaces], *, done: bool) -> RegistrationStatus:
        if reserved.quoted.club_session.entry is Entry.APPLICATION:
            return RegistrationStatus.UNDER_REVIEW
        if reserved.waits:
            return RegistrationStatus.WAITLISTED
        return RegistrationStatus.REGISTERED if done else RegistrationStatus.HELD


def _decision(club_session: ClubSession, wanted: Wanted) -> capacity.Decision:
    """A place or the waitlist, by the session's counters. Raises the Refusal that says why neither."""
    counters = registration_quotes.counters(club_session)
    return capacity.decide_entry(counters, wanted.quantity, accept_waitlist=wanted.accept_waitlist)


def _take_as_told(db: Session, quoted: QuotedPlaces) -> bool:
    """The letter says when and where: whoever changed that meanwhile has told everybody, but not this one. And whoever began to
    wait to be replaced changed it too, so that ``may_replace`` stands."""
    told = quoted.club_session.calendar_sequence
    return places.take(db, quoted.subject_id, quoted.wanted.quantity, as_numbered=told)


def _own(item: OrderItem) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """SQL: the registration of the order's own; a difference, which is an order by itself, changes nothing here."""
    return Registration.id == item.registration_id, Registration.order_id == item.order_id


def _set(db: Session, registration_id: int, before: RegistrationStatus, status: RegistrationStatus, **values: object) -> None:
    """The guarded move; the row is locked, so losing it is a bug and not a race."""
    if not moved(db, Registration, registration_id, [before], status=status, **values):
        raise AssertionError(f"registration {registration_id} moved while it was locked")
