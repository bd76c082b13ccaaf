"""Money taken by hand goes back by hand: a case asks a person, and the books follow when it is done."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import insert, update

from app import clock, jobs
from app.models import Case, LedgerEntry, Order, OrderItem, Payment, Refund, Registration
from app.rules.refusals import InvalidInput
from app.rules.statuses import OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from app.services import cancelling, health_check, ledger, registrations, suspense
from app.transaction import transaction
from tests.support.factories import make_club_session
from tests.support.rows import all_of, the


def paid_in_cash(app: Flask) -> str:
    """A booking that was paid at the desk; the token of its order."""
    club_session = make_club_session()
    entered = registrations.register(club_session.slug, registrations.Applicant("Ana", "ana@example.org", 1, 1200, "a" * 20))
    order = the(Order)
    now = clock.now()
    with transaction() as db:
        db.execute(update(Payment).values(status=PaymentStatus.EXPIRED))
        values = {"status": PaymentStatus.SUCCEEDED, "captured_cents": 1200, "amount_cents": 1200, "currency": "NZD"}
        key = {"order_id": order.id, "provider": "cash", "idempotency_key": "cash-1", "params": {}, "expires_at": now}
        payment_id = db.execute(insert(Payment).values(**values, **key).returning(Payment.id)).scalar_one()
        line = f"payment:{payment_id}:item:{the(OrderItem).id}"
        ledger.book(db, line, ledger.CASH, ledger.revenue("registration"), 1200, "NZD", payment_id=payment_id)
        db.execute(update(Order).values(status=OrderStatus.PAID, paid_at=now, hold_expires_at=None))
        paid = {"payment_status": PaymentState.PAID, "amount_paid_cents": 1200}
        db.execute(update(Registration).values(status=RegistrationStatus.REGISTERED, **paid))
    return entered.order_token


def test_cancelling_asks_a_person_to_pay_cash_back(app: Flask, stripe_simulator: object) -> None:
    assert cancelling.cancel_order(paid_in_cash(app)) == 1200
    jobs.run_due()
    assert the(Refund).status is RefundStatus.REQUESTED
    case = the(Case)
    assert (case.kind, case.detail["cents"]) == ("refund_by_hand", 1200)

    suspense.paid_by_hand(case.id, "user:1")

    assert the(Refund).status is RefundStatus.SUCCEEDED
    assert the(Registration).payment_status is PaymentState.REFUNDED
    last = all_of(LedgerEntry)[-1]
    assert (last.debit_account, last.credit_account, last.amount_cents) == ("owed:refunds", "cash:desk", 1200)
    assert health_check.findings() == []


def test_a_second_click_pays_nothing_out_again(app: Flask, stripe_simulator: object) -> None:
    cancelling.cancel_order(paid_in_cash(app))
    case = the(Case)
    suspense.paid_by_hand(case.id, "user:1")
    with pytest.raises(InvalidInput):
        suspense.paid_by_hand(case.id, "user:1")
    assert len([entry for entry in all_of(LedgerEntry) if entry.credit_account == "cash:desk"]) == 1
