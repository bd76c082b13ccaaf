"""What was just written is known without reading it again: each column is as the database has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.extensions import Base
from app.models import Order, OrderItem, Registration
from app.rules.statuses import ItemKind, OrderStatus, PaymentState, RegistrationStatus
from app.services.writes import inserted, written
from app.transaction import Overtaken, transaction
from tests.support.factories import make_free_club_session, make_user
from tests.support.rows import all_of, the

NOW = datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC)


def columns(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def test_row_whose_key_another_has_is_not_written_and_says_so(app: Flask) -> None:
    order = {"email": "ana@example.org", "name": "Ana", "status": OrderStatus.PAID, "currency": "NZD", "total_cents": 0}
    for write in (inserted, written):
        with transaction() as db:
            write(db, Order, **order, attempt=f"form {write.__name__}")
        with pytest.raises(Overtaken), transaction() as db:
            write(db, Order, **order, attempt="another form")
            write(db, Order, **order, attempt=f"form {write.__name__}")
    assert {order.attempt for order in all_of(Order)} == {"form inserted", "form written"}


def test_rows_of_a_booking_are_known_as_they_stand(app: Flask) -> None:
    session, user = make_free_club_session(), make_user()
    lines = [{"name": "Ünal's place", "unit_amount_cents": 0, "quantity": 2, "note": None}]
    answers = {"level": {"position": 1, "kind": "choice", "question": "How good?", "answer": "good"}}
    with transaction() as db:
        order = written(
            db, Order, user_id=user.id, email="ana@example.org", name="Ana", status=OrderStatus.PAID, currency="NZD",
            total_cents=0, attempt="form", hold_expires_at=None, paid_at=NOW,
        )  # fmt: skip
        registration = written(
            db, Registration, club_session_id=session.id, order_id=order.id, name="Ana", email="ana@example.org", places=2,
            status=RegistrationStatus.REGISTERED, payment_status=PaymentState.FREE, price_cents=0, answers=answers,
            whatsapp_number="+64211234567", whatsapp_agreed_at=NOW,
        )  # fmt: skip
        item = written(
            db, OrderItem, order_id=order.id, kind=ItemKind.REGISTRATION, description="A walk", unit_amount_cents=0, quantity=2,
            registration_id=registration.id, lines=lines,
        )  # fmt: skip
    for row in (order, registration, item):
        kept = columns(the(type(row), id=row.id))
        assert columns(row) == kept and {name: type(value) for name, value in columns(row).items()} == {
            name: type(value) for name, value in kept.items()
        }
    assert (order.promotion_cents, registration.owed_cents, registration.is_member, item.added_places) == (0, 0, False, 0)
    assert order.token and registration.reference and registration.user_id is None
