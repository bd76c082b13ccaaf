"""SQL for which payment bought a line of an order. Called by the services that give money back and by the pages that say so.

An order may have taken money that bought nothing of it: it fitted no order, came twice, or came too late for that line. What a
payment bought is booked under its own number and the line's, and only that payment pays the line back.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, cast, exists, literal
from sqlalchemy.orm import InstrumentedAttribute

from ..models import LedgerEntry, OrderItem, Payment


def with_payment() -> ColumnElement[bool]:
    """Whether the enclosing statement's Payment bought its OrderItem."""
    return exists().where(LedgerEntry.entry_key == _key()).correlate(Payment, OrderItem)


def at_all() -> ColumnElement[bool]:
    """Whether any payment of its order bought the enclosing statement's OrderItem."""
    paid = exists().where(Payment.order_id == OrderItem.order_id, LedgerEntry.entry_key == _key())
    return paid.correlate(OrderItem)


def _key() -> ColumnElement[str]:
    return literal("payment:") + _text(Payment.id) + literal(":item:") + _text(OrderItem.id)


def _text(number: InstrumentedAttribute[int]) -> ColumnElement[str]:
    return cast(number, String)
