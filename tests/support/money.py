"""Many orders at once, with payments, refunds and their rows of the books, for tests of long lists and big exports."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import func, insert, select

from app import clock
from app.models import ClubSession, LedgerEntry, Order, OrderItem, Payment, Refund, Registration
from app.models.columns import REFERENCE_ALPHABET, new_token
from app.rules.statuses import ItemKind, OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from app.transaction import transaction

MODELS = (Order, Registration, OrderItem, Payment, Refund)
MOVES = (("in", "stripe:clearing", "revenue:registration", 1200), ("fee", "fees:stripe", "stripe:clearing", 62),
         ("owed", "revenue:registration", "owed:refunds", 600), ("sent", "owed:refunds", "stripe:clearing", 600))  # fmt: skip
_number = count(1)


def many_orders(session: ClubSession, number: int) -> None:
    """This many bookings, paid with NZ$12.00 each and cancelled for half of it, each a minute older than the next."""
    batch = next(_number)
    with transaction() as db:
        first = {model: int(db.execute(select(func.coalesce(func.max(model.id), 0))).scalar_one()) + 1 for model in MODELS}
        rows: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
        for n in range(number):
            ids = {model: first[model] + n for model in MODELS}
            _add(rows, session, ids, f"many-{batch}-{n}", n, clock.now() - timedelta(minutes=number - n))
        for model in (*MODELS, LedgerEntry):
            db.execute(insert(model), rows[model])


def _add(rows: Any, session: ClubSession, ids: dict[Any, int], key: str, n: int, at: datetime) -> None:
    who = {"name": f"Person {n:05}", "email": f"person{n}@club.example"}
    money = {"currency": "NZD", "created_at": at}
    order_id, payment_id, item_id = ids[Order], ids[Payment], ids[OrderItem]
    rows[Order].append({
        "id": order_id, "token": new_token(), "reference": _reference(order_id, "A"), **who, **money, "attempt": key,
        "status": OrderStatus.CANCELLED, "total_cents": 1200, "paid_at": at,
    })  # fmt: skip
    rows[Registration].append({
        "id": ids[Registration], "token": new_token(), "reference": _reference(order_id, "B"), **who, "order_id": order_id,
        "club_session_id": session.id, "places": 1, "price_cents": 1200, "status": RegistrationStatus.CANCELLED,
        "payment_status": PaymentState.PARTIALLY_REFUNDED, "amount_paid_cents": 1200, "created_at": at,
    })  # fmt: skip
    rows[OrderItem].append({
        "id": item_id, "order_id": order_id, "kind": ItemKind.REGISTRATION, "quantity": 1, "description": session.title,
        "unit_amount_cents": 1200, "registration_id": ids[Registration],
    })  # fmt: skip
    rows[Payment].append({
        "id": payment_id, "order_id": order_id, "idempotency_key": key, "params": {}, **money, "amount_cents": 1200,
        "captured_cents": 1200, "fee_cents": 62, "status": PaymentStatus.SUCCEEDED, "payment_intent_id": f"pi_{key}",
        "expires_at": at, "paid_at": at,
    })  # fmt: skip
    rows[Refund].append({
        "id": ids[Refund], "payment_id": payment_id, "order_item_id": item_id, "amount_cents": 600, "reason": "cancelled",
        "status": RefundStatus.SUCCEEDED, "provider_ref": f"re_{key}", "idempotency_key": key, "actor": "guest",
        "created_at": at,
    })  # fmt: skip
    for move, debit, credit, cents in MOVES:
        refunded, sold = move in ("owed", "sent"), move in ("in", "owed")
        rows[LedgerEntry].append({
            "entry_key": f"{key}-{move}", "debit_account": debit, "credit_account": credit, "amount_cents": cents, **money,
            "payment_id": payment_id, "refund_id": ids[Refund] if refunded else None,
            "club_session_id": session.id if sold else None,
        })  # fmt: skip


def _reference(number: int, kind: str) -> str:
    """A different one for each number; longer than real ones, so that it meets none of them."""
    digits = ""
    while number:
        number, digit = divmod(number, len(REFERENCE_ALPHABET))
        digits = REFERENCE_ALPHABET[digit] + digits
    return f"{kind}{digits:2>8}"
