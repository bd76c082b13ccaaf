"""One order with everything that belongs to it: items, payments, refunds, the books, mails and the record. Called by the desk.

Ten statements, however much has happened to it. What an order bought leads to its booking, if it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, or_, select

from ..extensions import db
from ..models import (
    AuditEntry,
    Case,
    ClubSession,
    LedgerEntry,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    ProductPurchase,
    Refund,
    Registration,
)
from ..rules.statuses import RefundStatus
from . import desk_people
from .desk_record import MailState
from .desk_registration import Event, MailLine

_A, _L = AuditEntry, LedgerEntry


@dataclass(frozen=True, slots=True)
class OrderPage:
    """``order``, ``payments`` and ``refunds`` are rows for the template to read. Cents are minor units."""

    order: Order
    items: Sequence[Row[Any]]
    """kind, description, unit_amount_cents, quantity, lines; token, status and slug of the booking, if it is one; ``opened``: it
    is a course or a file that its buyer can open.
    """
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    entries: Sequence[Row[Any]]
    """created_at, debit_account, credit_account, amount_cents, currency."""
    mails: Sequence[MailLine]
    events: Sequence[Event]
    open_cases: Sequence[int]
    by_name: Mapping[str, str]

    @property
    def captured_cents(self) -> int:
        return sum(payment.captured_cents for payment in self.payments)

    @property
    def refunded_cents(self) -> int:
        """What has gone back or is on its way."""
        return sum(refund.amount_cents for refund in self.refunds if refund.status is not RefundStatus.FAILED)

    @property
    def fee_cents(self) -> int | None:
        """What Stripe kept; None while that is not known."""
        known = [payment.fee_cents for payment in self.payments if payment.fee_cents is not None]
        return sum(known) if known else None


def page(token: str) -> OrderPage | None:
    """The order behind a token, or None."""
    order = db.session.execute(select(Order).where(Order.token == token)).scalar_one_or_none()
    if order is None:
        return None
    items = _items(order.id)
    payments = db.session.execute(select(Payment).where(Payment.order_id == order.id).order_by(Payment.id)).scalars().all()
    ids = [payment.id for payment in payments]
    refunds = db.session.execute(select(Refund).where(Refund.payment_id.in_(ids)).order_by(Refund.id)).scalars().all()
    bookings = [item.registration_id for item in items if item.registration_id]
    entries = _entries(order.id, bookings, [item.id for item in items], [refund.id for refund in refunds])
    names = desk_people.names([*(entry.actor for entry in entries), *(refund.actor for refund in refunds)])
    return OrderPage(
        order=order,
        items=items,
        payments=payments,
        refunds=refunds,
        entries=_books(ids),
        mails=_mails(order.id),
        events=[Event(e.created_at, e.actor, names.get(e.actor), e.action, e.subject_kind, e.detail) for e in entries],
        open_cases=_open_cases(order.id, ids),
        by_name=names,
    )


def _items(order_id: int) -> Sequence[Row[Any]]:
    opened = ProductPurchase.granted_at.is_not(None) & ProductPurchase.revoked_at.is_(None)
    statement = (
        select(
            OrderItem.id, OrderItem.kind, OrderItem.description, OrderItem.unit_amount_cents, OrderItem.quantity, OrderItem.lines,
            OrderItem.registration_id, Registration.token, Registration.status, Registration.name, ClubSession.slug,
            opened.label("opened"),
        )
        .outerjoin(Registration, Registration.id == OrderItem.registration_id)
        .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
        .outerjoin(ProductPurchase, ProductPurchase.order_item_id == OrderItem.id)
        .where(OrderItem.order_id == order_id)
    )  # fmt: skip
    return db.session.execute(statement.order_by(OrderItem.id)).all()


def _entries(
    order_id: int, registration_ids: Sequence[int], item_ids: Sequence[int], refund_ids: Sequence[int]
) -> Sequence[Row[Any]]:
    """The record about the order, its bookings, courses and files and its refunds, oldest first."""
    about = or_(
        and_(_A.subject_kind == "order", _A.subject_id == order_id),
        and_(_A.subject_kind == "registration", _A.subject_id.in_(registration_ids)),
        and_(_A.subject_kind == "product_purchase", _A.subject_id.in_(item_ids)),
        and_(_A.subject_kind == "refund", _A.subject_id.in_(refund_ids)),
    )
    columns = (_A.created_at, _A.actor, _A.action, _A.subject_kind, _A.detail)
    return db.session.execute(select(*columns).where(about).order_by(_A.id)).all()


def _books(payment_ids: Sequence[int]) -> Sequence[Row[Any]]:
    columns = (_L.created_at, _L.debit_account, _L.credit_account, _L.amount_cents, _L.currency)
    return db.session.execute(select(*columns).where(_L.payment_id.in_(payment_ids)).order_by(_L.id)).all()


def _mails(order_id: int) -> list[MailLine]:
    letters = select(OutgoingEmail).where(OutgoingEmail.order_id == order_id).order_by(OutgoingEmail.id)
    found = []
    for mail in db.session.execute(letters).scalars():
        state = MailState.SENT if mail.sent_at else MailState.FAILED if mail.failed_at else MailState.OWED
        found.append(MailLine(mail.sent_at or mail.created_at, mail.subject, mail.template, state))
    return found


def _open_cases(order_id: int, payment_ids: Sequence[int]) -> Sequence[int]:
    about = or_(Case.order_id == order_id, Case.payment_id.in_(payment_ids))
    return db.session.execute(select(Case.id).where(Case.closed_at.is_(None), about).order_by(Case.id)).scalars().all()
