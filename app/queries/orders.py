"""What the order page and its status JSON show, in a fixed number of statements. Called by the checkout blueprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ScalarSelect, and_, bindparam, case, func, or_, select, union
from sqlalchemy.orm import aliased

from ..extensions import db
from ..models import ClubSession, Order, OrderItem, Payment, Refund, Registration
from ..rules import refunds
from ..rules.addresses import has_mailbox
from ..rules.statuses import ItemKind, OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus, SessionStatus
from . import item_facts, refund_terms, ways_back
from .item_facts import ItemFacts
from .questions import answer_rows
from .ways_back import STRIPE, Back, Left


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A booking as its holder sees it, with the session it is for."""

    id: int
    order_id: int | None
    token: str
    reference: str
    name: str
    email: str
    places: int
    status: RegistrationStatus
    payment_status: PaymentState
    price_cents: int
    amount_paid_cents: int
    waitlist_position: int | None
    offer_expires_at: datetime | None
    session_slug: str
    session_title: str
    location: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    refund_terms: refunds.Terms
    answers: Sequence[tuple[str, str]] = ()
    """What the session asked, in its words of then, and what was answered."""
    whatsapp_number: str | None = None
    """Where notices go besides the mails."""
    applied: bool = False
    """Whether it began as an application."""
    session_cancelled: bool = False
    """The club has cancelled the session itself."""
    left: Left = Left()
    """What could still go back of what was paid for it, in all of its orders."""

    @property
    def turned_down(self) -> bool:
        """Whether the committee declined it."""
        return self.applied and self.status is RegistrationStatus.DECLINED


@dataclass(frozen=True, slots=True)
class ItemView:
    kind: ItemKind
    description: str
    unit_amount_cents: int
    quantity: int
    registration: RegistrationView | None
    facts: ItemFacts | None = None
    """What its kind says of a paid line; None before that, and for a registration, which is above."""
    lines: Sequence[Mapping[str, Any]] = ()
    """What is charged and why, when amount and quantity do not say it all: see `OrderItem.lines`."""

    @property
    def amount_cents(self) -> int:
        return self.unit_amount_cents * self.quantity


@dataclass(frozen=True, slots=True)
class RefundView:
    amount_cents: int
    status: RefundStatus
    reason: str
    created_at: datetime
    by_hand: bool
    """Paid back in cash or from the bank, and not to a card."""
    of: tuple[int, int | None]
    """The payment, and the line that it is for: what failed of them goes back with the next refund of the same."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order and all that its page needs; ``payment`` is the state of the newest attempt, None when nothing is to pay."""

    id: int
    token: str
    reference: str
    name: str
    email: str
    status: OrderStatus
    currency: str
    total_cents: int
    hold_expires_at: datetime | None
    paid_at: datetime | None
    created_at: datetime
    payment: PaymentStatus | None
    checkout_url: str | None
    captured_cents: int
    disputed: bool
    """The buyer's bank has claimed money for it back."""
    items: Sequence[ItemView]
    refunds: Sequence[RefundView]
    refunds_elsewhere: Sequence[RefundView]
    """Of what its bookings cost more later, which was paid in orders of its own."""
    whatsapp_number: str | None = None
    """Where notices about it go, when it is for no booking."""

    @property
    def has_mailbox(self) -> bool:
        """Whether anything about it is mailed: somebody who paid at the door may have given no address."""
        return has_mailbox(self.email)

    @property
    def difference(self) -> bool:
        """Whether it asks for what a change of a booking costs more: the booking itself has another order."""
        return any(item.registration is not None and item.registration.order_id != self.id for item in self.items)

    @property
    def refunded_cents(self) -> int:
        return sum(r.amount_cents for r in self.refunds if r.status is not RefundStatus.FAILED)

    @property
    def refund_failed(self) -> bool:
        """A refund did not arrive, and nothing has taken its place yet: the club has it as a case."""
        if self.refunded_cents >= self.captured_cents:
            return False
        failed = [n for n, refund in enumerate(self.refunds) if refund.status is RefundStatus.FAILED]
        return any(not self._replaced(n) for n in failed)

    def _replaced(self, number: int) -> bool:
        failed, later = self.refunds[number], self.refunds[number + 1 :]
        again = (refund for refund in later if refund.of == failed.of and refund.status is not RefundStatus.FAILED)
        return sum(refund.amount_cents for refund in again) >= failed.amount_cents

    @property
    def back(self) -> Back:
        """All that has gone back for what is in it, and which way."""
        good = [r for r in (*self.refunds, *self.refunds_elsewhere) if r.status is not RefundStatus.FAILED]
        by_hand = sum(r.amount_cents for r in good if r.by_hand)
        return Back(sum(r.amount_cents for r in good) - by_hand, by_hand)


def page(token: str) -> OrderView | None:
    """The order behind a secret link, or None. Five statements at the most for bookings, however many lines."""
    order = db.session.execute(_ORDER, {"token": token}).scalar_one_or_none()
    if order is None:
        return None
    payments = db.session.execute(_PAYMENTS, {"order_id": order.id}).scalars().all()
    last = next((p for p in payments if p.status is PaymentStatus.SUCCEEDED), payments[-1] if payments else None)
    sent_back, elsewhere = _refunds(order.id) if payments else ([], [])
    return OrderView(
        id=order.id,
        token=order.token,
        reference=order.reference,
        name=order.name,
        email=order.email,
        status=order.status,
        currency=order.currency,
        total_cents=order.total_cents,
        hold_expires_at=order.hold_expires_at,
        paid_at=order.paid_at,
        created_at=order.created_at,
        payment=last.status if last else None,
        checkout_url=last.checkout_url if last and last.status is PaymentStatus.OPEN else None,
        captured_cents=sum(p.captured_cents for p in payments),
        disputed=any(p.disputed_cents for p in payments),
        items=_items(order.id),
        refunds=sent_back,
        refunds_elsewhere=elsewhere,
        whatsapp_number=order.whatsapp_number,
    )


_ORDER = select(Order).where(Order.token == bindparam("token"))
_PAYMENTS = select(Payment).where(Payment.order_id == bindparam("order_id")).order_by(Payment.id)
_ORDERS = union(
    select(Order.id).where(Order.id == bindparam("order_id")),
    select(OrderItem.order_id)
    .join(Registration, Registration.id == OrderItem.registration_id)
    .where(Registration.order_id == bindparam("order_id")),
)
_SENT_BACK = (
    select(Refund, Payment.provider, Payment.order_id)
    .join(Payment, Payment.id == Refund.payment_id)
    .where(Payment.order_id.in_(_ORDERS))
    .order_by(Refund.id)
)


def token_of_registration(token: str) -> str | None:
    """The order token behind a registration's own link."""
    return db.session.execute(
        select(Order.token).join(Registration, Registration.order_id == Order.id).where(Registration.token == token)
    ).scalar_one_or_none()


def _refunds(order_id: int) -> tuple[list[RefundView], list[RefundView]]:
    """The refunds of its payments, and those of its bookings' other orders. One that is done and of which Stripe knows nothing
    was paid by hand instead.
    """
    rows = db.session.execute(_SENT_BACK, {"order_id": order_id})
    own: list[RefundView] = []
    elsewhere: list[RefundView] = []
    for r, provider, of_order in rows:
        by_hand = provider != STRIPE or (r.status is RefundStatus.SUCCEEDED and r.provider_ref is None)
        view = RefundView(r.amount_cents, r.status, r.reason, r.created_at, by_hand, (r.payment_id, r.order_item_id))
        (own if of_order == order_id else elsewhere).append(view)
    return own, elsewhere


@cache
def waitlist_position() -> ScalarSelect[int]:
    """SQL, made once, for the place in line of the enclosing statement's Registration: 1 is next.

    Members-first lists count members first.
    """
    other, session = aliased(Registration), aliased(ClubSession)
    earlier = or_(
        other.waitlisted_at < Registration.waitlisted_at,
        and_(other.waitlisted_at == Registration.waitlisted_at, other.id <= Registration.id),
    )
    before = case(
        (session.waitlist_members_first & (other.is_member != Registration.is_member), other.is_member), else_=earlier
    )
    statement = select(func.count()).select_from(other).join(session, session.id == other.club_session_id)
    in_line = (other.club_session_id == Registration.club_session_id, other.status == RegistrationStatus.WAITLISTED)
    return statement.where(*in_line, before).correlate(Registration).scalar_subquery()


def _items(order_id: int) -> list[ItemView]:
    rows = db.session.execute(_ITEMS, {"order_id": order_id}).all()
    facts = item_facts.of_order(db.session(), order_id, (item.kind for item, *_ in rows))
    paid = [r.id for _line, r, *_rest in rows if r and r.amount_paid_cents and r.status is RegistrationStatus.REGISTERED]
    left = ways_back.left_of(paid)
    return [_item(*row, facts.get(row[0].id), left) for row in rows]


_ITEMS = (
    select(OrderItem, Registration, ClubSession, waitlist_position())
    .outerjoin(Registration, Registration.id == OrderItem.registration_id)
    .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
    .where(OrderItem.order_id == bindparam("order_id"))
    .order_by(OrderItem.id)
)


def _item(
    item: OrderItem, r: Registration | None, c: ClubSession | None, position: int, facts: ItemFacts | None,
    left: Mapping[int, Left],
) -> ItemView:  # fmt: skip
    view = None
    if r is not None and c is not None:
        view = RegistrationView(
            id=r.id,
            order_id=r.order_id,
            token=r.token,
            reference=r.reference,
            name=r.name,
            email=r.email,
            places=r.places,
            status=r.status,
            payment_status=r.payment_status,
            price_cents=r.price_cents,
            amount_paid_cents=r.amount_paid_cents,
            waitlist_position=position if r.status is RegistrationStatus.WAITLISTED else None,
            offer_expires_at=r.offer_expires_at if r.status is RegistrationStatus.OFFERED else None,
            session_slug=c.slug,
            session_title=c.title,
            location=c.location,
            starts_at=c.starts_at,
            ends_at=c.ends_at,
            time_zone=c.time_zone,
            refund_terms=refund_terms.of_booking(c, r),
            answers=answer_rows(r.answers),
            whatsapp_number=r.whatsapp_number,
            applied=r.applied_at is not None,
            session_cancelled=c.status is SessionStatus.CANCELLED,
            left=left.get(r.id, Left()),
        )
    return ItemView(item.kind, item.description, item.unit_amount_cents, item.quantity, view, facts, tuple(item.lines or ()))
