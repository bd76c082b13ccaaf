"""What has gone back of the money for bookings, or is on its way: refunds of their lines, and what went back of a whole order.

Called by the desk's figures and by the services that owe money for a booking. A refund made in Stripe's dashboard names no line:
it is each line's once all of its order's money is back, and nobody's yet before that.
"""

from __future__ import annotations

from sqlalchemy import Select, Subquery, func, select, union_all
from sqlalchemy.orm import aliased

from ..models import OrderItem, Payment, Refund
from ..rules.statuses import PaymentStatus, RefundStatus

_LEFT = Refund.status != RefundStatus.FAILED


def of_lines() -> Subquery:
    """SQL: ``registration_id``, the line's ``item_id`` and ``cents``, a row for each refund of a line, one for each line of an
    order all given back.
    """
    own = select(OrderItem.registration_id, OrderItem.id.label("item_id"), Refund.amount_cents.label("cents"))
    by_line = own.join(Refund, Refund.order_item_id == OrderItem.id).where(_LEFT)
    named = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(Refund.order_item_id == OrderItem.id, _LEFT)
    rest = OrderItem.unit_amount_cents * OrderItem.quantity - named.correlate(OrderItem).scalar_subquery()
    whole = select(OrderItem.registration_id, OrderItem.id.label("item_id"), rest.label("cents"))
    whole = whole.where(OrderItem.order_id.in_(_orders_all_given_back()))
    return union_all(by_line, whole).subquery("gone_back")


def _orders_all_given_back() -> Select[tuple[int]]:
    """Orders of which a refund without a line was made, and of whose money nothing is left."""
    paid, back = aliased(Payment), aliased(Payment)
    without_line = select(Payment.order_id).join(Refund, Refund.payment_id == Payment.id)
    without_line = without_line.where(Refund.order_item_id.is_(None), _LEFT)
    gone = (
        select(func.coalesce(func.sum(Refund.amount_cents), 0))
        .join(back, back.id == Refund.payment_id)
        .where(back.order_id == paid.order_id, _LEFT)
        .correlate(paid)
        .scalar_subquery()
    )
    captured = (paid.order_id.in_(without_line), paid.status == PaymentStatus.SUCCEEDED)
    return select(paid.order_id).where(*captured).group_by(paid.order_id).having(func.sum(paid.captured_cents) <= gone)
