"""Takes a defence of the desk, of differences, memberships or baskets away for the length of a ``with``, as `breaks` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Order, OrderItem, Registration
from app.queries import memberships
from app.rules import memberships as rules
from app.rules.statuses import OrderStatus
from app.services import (
    audit,
    bookings,
    by_hand,
    difference_item,
    fulfilment,
    items,
    membership_spans,
    orders,
    paying_back,
    refunds,
    releasing,
    taking_payment,
)


@contextmanager
def checkout_ended_before_cash() -> Iterator[None]:
    """Cash is taken whatever can still be paid at Stripe."""
    with patch.object(taking_payment, "UNSETTLED", ()), patch.object(by_hand, "UNSETTLED", ()):
        yield


@contextmanager
def one_time_key() -> Iterator[None]:
    """A form that was sent twice is two forms."""
    with patch.object(audit, "done_before", lambda *_: False):
        yield


@contextmanager
def settled_otherwise_check() -> Iterator[None]:
    """A difference that was settled in another way is paid again."""
    fulfil = difference_item.fulfil

    def credulous(db: Session, item: OrderItem, registration: Registration, *rest: Any) -> bool:
        registration.owed_cents = max(registration.owed_cents, item.unit_amount_cents)
        return fulfil(db, item, registration, *rest)

    with patch.object(difference_item, "fulfil", credulous):
        yield


@contextmanager
def added_places_go_again() -> Iterator[None]:
    """Places that were added and not paid stay."""
    with patch.object(difference_item, "release", lambda *_: None):
        yield


@contextmanager
def differences_go_back_too() -> Iterator[None]:
    """What a booking cost at first goes back, and what it cost more since does not."""

    def own_line_alone(db: Session, registration: Registration, cents: int, reason: str, actor: str) -> int:
        line = bookings.line_of(db, registration)
        return paying_back.owe_for_line(db, line, cents, reason, actor, club_session_id=registration.club_session_id)

    with patch.object(paying_back, "owe_for_booking", own_line_alone):
        yield


@contextmanager
def hand_to_hand() -> Iterator[None]:
    """Cash is sent back through Stripe."""
    with patch.object(refunds, "STRIPE", "cash"):
        yield


@contextmanager
def every_line_is_released() -> Iterator[None]:
    """An unpaid order lets go of the first thing in it."""

    def first_alone(db: Session, order: Order, ended: OrderStatus, actor: str) -> bool:
        if not orders.move(db, order.id, ended, hold_expires_at=None):
            return False
        lines = select(OrderItem).where(OrderItem.order_id == order.id).order_by(OrderItem.id)
        first = db.execute(lines.limit(1)).scalar_one()
        items.handler(first.kind).release(db, first, ended, actor)
        audit.record(db, actor, ended, "order", order.id)
        return True

    with patch.object(releasing, "release_order", first_alone):
        yield


@contextmanager
def paid_order_is_kept() -> Iterator[None]:
    """Whoever ends an order ends a paid one too."""
    release = releasing.release_order

    def blind(db: Session, order: Order, *rest: Any) -> bool:
        unpaid: Any = SimpleNamespace(id=order.id, status=OrderStatus.PENDING)
        return release(db, unpaid, *rest)

    with patch.object(releasing, "release_order", blind):
        yield


@contextmanager
def lost_lines_go_back() -> Iterator[None]:
    """What of a basket cannot be had any more is kept all the same."""
    with patch.object(fulfilment, "_owe_lines_back", lambda *_: 0):
        yield


@contextmanager
def one_span_at_a_time() -> Iterator[None]:
    """A membership begins today, whatever its owner has already."""

    def from_today(_db: Session, _user_id: int | None, plan: Any, now: Any) -> rules.Span:
        return rules.next_span(plan.terms, memberships.club_today(now), None)

    with patch.object(membership_spans, "next_span", from_today):
        yield


@contextmanager
def not_beside_an_open_page() -> Iterator[None]:
    """Staff cancel what somebody is paying for at this moment."""
    with patch.object(orders, "is_being_paid", lambda _: False):
        yield
