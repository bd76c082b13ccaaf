"""Staff end somebody's running hold (a place, or a spot on the waitlist that is paid upfront), by the road of every hold: expire
at Stripe → look → release (promise 10).

Called by the desk. Stripe unreachable keeps the place and the wish; the worker goes on with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from .. import clock
from ..extensions import db as flask_db
from ..models import AuditEntry, Order, Payment, Registration
from ..rules.refusals import InvalidInput, OrderNotOpen, words
from ..rules.statuses import OrderStatus, PaymentStatus, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, ending, orders

PAYING = (RegistrationStatus.HELD, RegistrationStatus.WAITLISTED)
"""What somebody may be paying for: a place, or upfront for a spot on the waitlist."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the order stands now. Still pending: Stripe could not be asked, or (``paying``) a bank has yet to decide."""

    status: OrderStatus
    paying: bool


def end_hold(token: str, reason: str, actor: str, *, once: str) -> Outcome:
    """End the hold of this registration's order. Two clicks end it once.

    Raises OrderNotOpen when nothing is held for it any more, InvalidInput when no reason is given.
    """
    order_id = _wish(token, reason, actor, once)
    ending.end_order(order_id)
    status = flask_db.session.execute(select(Order.status).where(Order.id == order_id)).scalar_one()
    paying = select(Payment.id).where(Payment.order_id == order_id, Payment.status == PaymentStatus.PROCESSING)
    return Outcome(status, flask_db.session.execute(paying).first() is not None)


@retried
def _wish(token: str, reason: str, actor: str, once: str) -> int:
    """Write down that it is to end, and by whom; the order's id."""
    if not reason.strip():
        raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
    with transaction() as db:
        row = db.execute(select(Registration.id, Registration.order_id).where(Registration.token == token)).first()
        if row is None or row.order_id is None:
            raise OrderNotOpen
        order = orders.lock(db, row.order_id)
        entries = (AuditEntry.subject_kind == "registration", AuditEntry.subject_id == row.id)
        ended = db.execute(select(AuditEntry.detail).where(*entries, AuditEntry.action == "hold_ended"))
        if any(entry.detail.get("once") == once for entry in ended):
            return int(row.order_id)
        status = db.execute(select(Registration.status).where(Registration.id == row.id)).scalar_one()
        if status not in PAYING or not orders.is_being_paid(order):
            raise OrderNotOpen
        if order.cancel_requested_at is None:
            db.execute(update(Order).where(Order.id == order.id).values(cancel_requested_at=clock.now()))
        audit.record(db, actor, "hold_ended", "registration", row.id, reason=reason, once=once)
        return int(row.order_id)
