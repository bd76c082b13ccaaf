"""Rows and a sign-in for the tests of the desk's pages: bookings with orders and payments, mails, a person of a role."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from app import clock
from app.models import ClubSession, Order, OrderItem, OutgoingEmail, Payment, Refund, Registration
from app.rules.statuses import (
    TAKEN,
    WAITING,
    ItemKind,
    OrderStatus,
    PaymentState,
    PaymentStatus,
    RefundStatus,
    RegistrationStatus,
    Role,
)
from app.services import ledger, places
from app.transaction import transaction
from tests.support.factories import PASSWORD, make_user
from tests.support.pages import Page, PageClient

_number = count(1)


@dataclass(frozen=True)
class Booked:
    reference: str
    order_token: str


def sign_in(pages: PageClient, role: Role) -> Page:
    """Be somebody of this role."""
    email = f"{role}{next(_number)}@club.example"
    make_user(email=email, role=role, password=PASSWORD)
    if pages.page is not None and any("/account/sign-out" in form.action for form in pages.page.forms):
        pages.submit("/account/sign-out")
    page = pages.sign_in(email, PASSWORD)
    assert page.status == 200 and page.path == "/"
    return page


def book(
    session: ClubSession,
    name: str,
    status: RegistrationStatus = RegistrationStatus.REGISTERED,
    *,
    count: int = 1,
    paid_cents: int = 0,
    refunded_cents: int = 0,
    checkout_id: str | None = None,
    provider: str = "stripe",
    **values: Any,
) -> Booked:
    """A booking with its order, and when it was paid with its payment and what went back; the places are taken as always."""
    number, now = next(_number), clock.now()
    email = values.pop("email", f"{name.split()[0].lower()}@club.example")
    with transaction() as db:
        if status in TAKEN:
            assert places.take(db, session.id, count, promised=True)
        elif status in WAITING:
            assert places.join_waitlist(db, session.id, count)
        order = Order(email=email, name=name, status=OrderStatus.PAID if paid_cents else OrderStatus.PENDING, currency="NZD",
                      total_cents=paid_cents, attempt=f"desk-attempt-{number}")  # fmt: skip
        db.add(order)
        db.flush()
        registration = Registration(
            club_session_id=session.id, order_id=order.id, name=name, email=email, places=count, status=status,
            price_cents=paid_cents, amount_paid_cents=paid_cents, waitlisted_at=now if status in WAITING else None,
            payment_status=values.pop("payment_status", PaymentState.PAID if paid_cents else PaymentState.FREE), **values,
        )  # fmt: skip
        db.add(registration)
        db.flush()
        item = OrderItem(order_id=order.id, kind=ItemKind.REGISTRATION, description=session.title, unit_amount_cents=paid_cents,
                         quantity=1, registration_id=registration.id)  # fmt: skip
        db.add(item)
        db.flush()
        if paid_cents:
            payment = Payment(
                order_id=order.id, provider=provider, checkout_id=checkout_id, idempotency_key=f"payment-{number}", params={},
                currency="NZD",
                amount_cents=paid_cents, captured_cents=paid_cents, status=PaymentStatus.SUCCEEDED, expires_at=now,
            )  # fmt: skip
            db.add(payment)
            db.flush()
            ledger.book(
                db, f"payment:{payment.id}:item:{item.id}", ledger.HELD_AT[provider], ledger.revenue(item.kind), paid_cents,
                "NZD", payment_id=payment.id, club_session_id=session.id,
            )  # fmt: skip
            if refunded_cents:
                db.add(Refund(payment_id=payment.id, order_item_id=item.id, amount_cents=refunded_cents, reason="cancelled",
                              status=RefundStatus.SUCCEEDED, idempotency_key=f"refund-{number}", actor="guest"))  # fmt: skip
        return Booked(registration.reference, order.token)


def owe_mail(to: str, *, sent: bool = False, failed: bool = False, **values: Any) -> int:
    """A mail in the outbox: owed, sent or failed; returns its id."""
    number, now = next(_number), clock.now()
    with transaction() as db:
        mail = OutgoingEmail(
            dedupe_key=f"mail-{number}", to=to, template=values.pop("template", "confirmation"), context={},
            message_id=f"<{number}@club.example>", next_attempt_at=now, sent_at=now if sent else None,
            failed_at=now if failed else None, **values,
        )  # fmt: skip
        db.add(mail)
        db.flush()
        return int(mail.id)
