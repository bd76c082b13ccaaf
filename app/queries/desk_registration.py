"""One registration with its whole history, as staff see it: facts, money, mails and the record. Called by the admin blueprint.

Eleven statements, however much has happened to it. Its token opens the person's own page, so only staff are shown any of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, exists, func, or_, select

from ..extensions import db
from ..models import (
    AuditEntry,
    BookingNote,
    Case,
    ClubSession,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Question,
    Refund,
    Registration,
)
from ..rules.addresses import has_mailbox
from ..rules.statuses import (
    HAS_PAID,
    UNDECIDED,
    WAITING,
    ItemKind,
    OrderStatus,
    RegistrationStatus,
    SessionStatus,
)
from . import desk_notices, desk_people, gone_back, refund_terms, ways_back
from .desk_notices import NoticeLine
from .desk_record import MailState
from .questions import answer_rows
from .ways_back import Back, Left

CANCELLABLE = WAITING | UNDECIDED | {RegistrationStatus.OFFERED, RegistrationStatus.REGISTERED}
WITH_LETTER = frozenset({RegistrationStatus.WAITLISTED, RegistrationStatus.REGISTERED})
"""A letter says how these stand; it can be sent again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the record: who did what when. ``by`` is the actor's name, when it is somebody with an account."""

    at: datetime
    actor: str
    by: str | None
    action: str
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MailLine:
    at: datetime
    subject: str | None
    template: str
    state: MailState


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class RegistrationPage:
    """``r``, ``session`` and ``order`` are rows for the template to read; the rest is worked out here. Cents are minor units."""

    r: Registration
    session: ClubSession
    order: Order
    differences: Sequence[Order]
    """Orders for what changes of the booking cost more, oldest first."""
    notes: Sequence[BookingNote]
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    mails: Sequence[MailLine]
    notices: Sequence[NoticeLine]
    events: Sequence[Event]
    open_cases: Sequence[int]
    by_name: Mapping[str, str]
    asks: bool
    """Whether its session asks anything of its own."""
    refunded_cents: int
    """What has gone back for this booking or is on its way, and not for what else is in its order."""
    left: Left
    """What is left of what was paid for it, by the way it would go back."""
    other_lines: Sequence[Row[Any]]
    """What else is in its own order: ``kind`` and ``description``."""

    @property
    def left_cents(self) -> int:
        """The most that can still be refunded of what was paid for this booking."""
        return self.left.cents

    def back(self, cents: int) -> Back:
        """How so much would go back: each part the way it came, by card or by hand, the newest payment first."""
        return self.left.back(cents)

    @property
    def others(self) -> Sequence[str]:
        """What else is in its own order, by name."""
        return [line.description for line in self.other_lines]

    @property
    def other_bookings(self) -> Sequence[str]:
        """The bookings among them: they have one address and one link."""
        return [line.description for line in self.other_lines if line.kind is ItemKind.REGISTRATION]

    @property
    def may_cancel(self) -> bool:
        live = self.r.status in CANCELLABLE and self.session.status is not SessionStatus.CANCELLED
        return live and not self.may_end_hold

    @property
    def may_end_hold(self) -> bool:
        """Whether it is being paid for: a place, or upfront a spot on the waitlist."""
        being_paid = self.order.status is OrderStatus.PENDING and self.order.hold_expires_at is not None
        return being_paid and self.r.status in (RegistrationStatus.HELD, RegistrationStatus.WAITLISTED)

    @property
    def contact(self) -> Contact:
        """Who it is for; no address when none was given."""
        return Contact(self.r.name, self.r.email if has_mailbox(self.r.email) else "")

    @property
    def open_difference(self) -> Order | None:
        """The order of a difference that may still be paid."""
        return next((order for order in self.differences if order.status is OrderStatus.PENDING), None)

    @property
    def to_pay_cents(self) -> int:
        """What could be taken by hand now: the booking's own order while it is kept or offered, or what it owes since."""
        if self.r.status in (RegistrationStatus.HELD, RegistrationStatus.OFFERED):
            return self.order.total_cents if self.order.status is OrderStatus.PENDING else 0
        return self.r.owed_cents if self.r.status is RegistrationStatus.REGISTERED else 0

    @property
    def nothing_asked(self) -> bool:
        """Nothing can be taken by hand now: all is paid, or what is owed has to be asked for first."""
        return not self.to_pay_cents or bool(self.r.owed_cents and self.open_difference is None)

    @property
    def paid_with(self) -> Sequence[str]:
        """What else is paid when its own order is: an order is paid in one go."""
        return [] if self.r.owed_cents else self.others

    @property
    def may_change(self) -> bool:
        """Confirmed, and nothing is owed for it: it can be moved and given other places."""
        return self.r.status is RegistrationStatus.REGISTERED and not self.r.owed_cents

    @property
    def may_serve(self) -> bool:
        """Waits, and is not paying for that just now: it can be given a place out of turn."""
        paid = self.r.payment_status in HAS_PAID
        return self.r.status is RegistrationStatus.WAITLISTED and (paid or self.order.hold_expires_at is None)

    @property
    def may_resend(self) -> bool:
        return self.r.status in WITH_LETTER

    @property
    def answers(self) -> list[tuple[str, str]]:
        """What the session asked when they booked, and what they answered."""
        return answer_rows(self.r.answers)

    def terms_cents(self, now: datetime) -> int:
        """What the person would get back if they cancelled now by the session's own terms."""
        if self.r.status is RegistrationStatus.WAITLISTED:
            return self.left_cents
        c = self.session
        terms = refund_terms.of_booking(c, self.r)
        return self.left.back(terms.back_cents(self.left.kept_cents)).cents if terms.in_time(c.starts_at, now) else 0


def page(token: str) -> RegistrationPage | None:
    """The registration behind a token, or None."""
    row = _row(token)
    if row is None:
        return None
    lines, others = _lines(row.Registration)
    ids = [line.Order.id for line in lines]
    payments = db.session.execute(select(Payment).where(Payment.order_id.in_(ids)).order_by(Payment.id)).scalars().all()
    # A refund without a line is of a payment that bought nothing: it belongs to the history of everything in the order.
    own = or_(Refund.order_item_id.in_([line.id for line in lines]), Refund.order_item_id.is_(None))
    sent_back = select(Refund).where(Refund.payment_id.in_([p.id for p in payments]), own).order_by(Refund.id)
    refunds = db.session.execute(sent_back).scalars().all()
    letters = select(OutgoingEmail).where(OutgoingEmail.order_id.in_(ids)).order_by(OutgoingEmail.id)
    entries, notes = _entries(row.Registration.id, ids, [refund.id for refund in refunds]), _notes(row.Registration.id)
    names = desk_people.names(one.actor for found in (entries, refunds, notes) for one in found)
    cases = select(Case.id).where(
        Case.closed_at.is_(None), or_(Case.order_id.in_(ids), Case.payment_id.in_([p.id for p in payments]))
    )
    return RegistrationPage(
        r=row.Registration,
        session=row.ClubSession,
        order=row.Order,
        differences=[line.Order for line in lines if line.Order.id != row.Order.id],
        notes=notes,
        payments=payments,
        refunds=refunds,
        mails=[_mail(mail) for mail in db.session.execute(letters).scalars()],
        notices=desk_notices.of_registration(row.Registration.id),
        events=[Event(e.created_at, e.actor, names.get(e.actor), e.action, e.subject_kind, e.detail) for e in entries],
        open_cases=db.session.execute(cases.order_by(Case.id)).scalars().all(),
        by_name=names,
        asks=row.asks,
        refunded_cents=int(row.gone),
        left=ways_back.left_of([row.Registration.id]).get(row.Registration.id, Left()),
        other_lines=others,
    )


def _row(token: str) -> Row[Any] | None:
    """The booking with its session and its own order, whether it is asked anything, and what has gone back for it."""
    back = gone_back.of_lines()
    gone = select(func.coalesce(func.sum(back.c.cents), 0)).where(back.c.registration_id == Registration.id)
    asks = exists().where(Question.club_session_id == ClubSession.id).label("asks")
    return db.session.execute(
        select(Registration, ClubSession, Order, asks, gone.correlate(Registration).scalar_subquery().label("gone"))
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .join(Order, Order.id == Registration.order_id)
        .where(Registration.token == token)
    ).first()


def _lines(r: Registration) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """The booking's own lines with their orders, its differences' too; and what else is in its own order."""
    columns = select(OrderItem.id, OrderItem.registration_id, OrderItem.kind, OrderItem.description, Order)
    about = or_(OrderItem.registration_id == r.id, OrderItem.order_id == r.order_id)
    rows = db.session.execute(columns.join(Order, Order.id == OrderItem.order_id).where(about).order_by(OrderItem.id)).all()
    mine = [row for row in rows if row.registration_id == r.id]
    return mine, [row for row in rows if row.registration_id != r.id]


def token_after_contact(once: str) -> str | None:
    """The token that a booking has now whose address a form with this one-time key has changed, or None."""
    done = (AuditEntry.action == "contact_changed", AuditEntry.subject_kind == "registration")
    statement = select(Registration.token).join(AuditEntry, AuditEntry.subject_id == Registration.id).where(*done)
    return db.session.execute(statement.where(AuditEntry.detail["once"].as_string() == once)).scalar_one_or_none()


def _notes(registration_id: int) -> Sequence[BookingNote]:
    noted = select(BookingNote).where(BookingNote.registration_id == registration_id).order_by(BookingNote.id)
    return db.session.execute(noted).scalars().all()


def _entries(registration_id: int, order_ids: Sequence[int], refund_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """The record about this booking, its orders and its refunds, oldest first."""
    about = or_(
        and_(AuditEntry.subject_kind == "registration", AuditEntry.subject_id == registration_id),
        and_(AuditEntry.subject_kind == "order", AuditEntry.subject_id.in_(order_ids)),
        and_(AuditEntry.subject_kind == "refund", AuditEntry.subject_id.in_(refund_ids)),
    )
    columns = (AuditEntry.created_at, AuditEntry.actor, AuditEntry.action, AuditEntry.subject_kind, AuditEntry.detail)
    return db.session.execute(select(*columns).where(about).order_by(AuditEntry.id)).all()


def _mail(mail: OutgoingEmail) -> MailLine:
    state = MailState.SENT if mail.sent_at else MailState.FAILED if mail.failed_at else MailState.OWED
    return MailLine(mail.sent_at or mail.created_at, mail.subject, mail.template, state)
