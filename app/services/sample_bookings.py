"""The sample club's bookings as rows: places taken by the one statement that takes them, orders paid at the desk in cash and
booked, so that every check finds them in order. Called by sample_data and sample_waiting.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..integrations.payments import CheckoutLine
from ..models import Payment, Registration
from ..models.columns import new_reference
from ..rules.statuses import WAITING, ItemKind, PaymentState, PaymentStatus, RegistrationStatus
from . import audit, ledger, orders, places
from .sample_sessions import Sample


def book(
    db: Session, session_id: int, sample: Sample, person: tuple[str, str], party: int, status: RegistrationStatus, at: datetime,
    *, member_id: int | None = None, **values: Any,
) -> None:  # fmt: skip
    """One booking with its order, as registering and paying at the desk would have left it at that time."""
    with clock.reading(lambda: at):
        unit = (sample.member_price if member_id and sample.member_price is not None else sample.price) or 0
        _take(db, session_id, sample, party, status)
        _write(db, session_id, sample.title, person, party, status, unit, member_id, values)


def _take(db: Session, session_id: int, sample: Sample, party: int, status: RegistrationStatus) -> None:
    """Places, or a spot on the waitlist; an application has neither."""
    took = True
    if status is RegistrationStatus.REGISTERED:
        took = places.take(db, session_id, party)
    elif status in WAITING:
        took = places.join_waitlist(db, session_id, party)
    if not took:
        raise AssertionError(f"the sample session {sample.title!r} has no room for its sample bookings")


def _write(
    db: Session, session_id: int, title: str, person: tuple[str, str], party: int, status: RegistrationStatus, unit: int,
    member_id: int | None, more: dict[str, Any],
) -> None:  # fmt: skip
    now, has = clock.now(), status is RegistrationStatus.REGISTERED
    paid = unit > 0 and has
    currency, reference = current_settings().currency, new_reference()
    buyer = orders.Buyer(*person, attempt=f"sample-{session_id}-{person[1]}", user_id=member_id)
    order = orders.create_order(db, buyer, unit * party, currency, pays_now=False, done=has, now=now)
    values = {
        "reference": reference,
        "club_session_id": session_id,
        "user_id": member_id,
        "order_id": order.id,
        "name": person[0],
        "email": person[1],
        "places": party,
        "status": status,
        "payment_status": PaymentState.PAID if paid else PaymentState.PENDING if unit else PaymentState.FREE,
        "price_cents": unit * party,
        "amount_paid_cents": unit * party if paid else 0,
        "waitlisted_at": now if status in WAITING else None,
        **more,
    }
    registration_id = int(db.execute(insert(Registration).values(values).returning(Registration.id)).scalar_one())
    line = CheckoutLine(title, unit, party)
    item_id = orders.add_item(db, order.id, ItemKind.REGISTRATION, line, registration_id=registration_id).id
    audit.record(db, audit.COMMAND, status, "registration", registration_id, places=party, reference=reference)
    if paid:
        pay_in_cash(db, order.id, item_id, ItemKind.REGISTRATION, unit * party, now, club_session_id=session_id)


def pay_in_cash(
    db: Session, order_id: int, item_id: int, kind: ItemKind, cents: int, now: datetime, *, club_session_id: int | None
) -> None:
    """The payment of an order, and its entry in the books: no money that Stripe would know of."""
    currency = current_settings().currency
    values = {
        "order_id": order_id,
        "provider": "cash",
        "idempotency_key": f"sample-{order_id}",
        "params": {},
        "amount_cents": cents,
        "captured_cents": cents,
        "currency": currency,
        "status": PaymentStatus.SUCCEEDED,
        "expires_at": now,
        "paid_at": now,
    }
    payment_id = int(db.execute(insert(Payment).values(values).returning(Payment.id)).scalar_one())
    ledger.book(
        db, f"payment:{payment_id}:item:{item_id}", ledger.CASH, ledger.revenue(kind), cents, currency, payment_id=payment_id,
        club_session_id=club_session_id,
    )  # fmt: skip
