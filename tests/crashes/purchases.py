"""What belongs together when money is counted: an order, what was bought by it, and the differences that its bookings cost since.

Called by the crash matrix' world; reads our own rows alone.
"""

from __future__ import annotations

from app.models import ListingPurchase, Membership, Order, OrderItem, Payment, ProductPurchase, Refund, Registration
from tests.support.rows import all_of, the


def is_difference(order: Order) -> bool:
    """Whether it asks for what a change of another order's booking costs more."""
    named = [item.registration_id for item in all_of(OrderItem, order_id=order.id) if item.registration_id is not None]
    return any(registration.order_id != order.id for id_ in named for registration in all_of(Registration, id=id_))


def own_orders() -> list[Order]:
    return [order for order in all_of(Order) if not is_difference(order)]


def together(order: Order) -> list[Order]:
    """The order and those of its bookings' differences."""
    ids = {order.id}
    for registration in all_of(Registration, order_id=order.id):
        ids |= {item.order_id for item in all_of(OrderItem, registration_id=registration.id)}
    return [each for each in all_of(Order) if each.id in ids]


def refunds_of(order: Order) -> list[Refund]:
    """Money of it that has gone back or is on its way."""
    paid = all_of(Payment, order_id=order.id)
    return [r for payment in paid for r in all_of(Refund, payment_id=payment.id) if r.status != "failed"]


def bought_cents(order: Order) -> int:
    """What is still had of an order, its bookings' differences with it, in minor units."""
    gone = {refund.order_item_id: 0 for each in together(order) for refund in refunds_of(each)}
    for each in together(order):
        for refund in refunds_of(each):
            gone[refund.order_item_id] += refund.amount_cents
    bought = 0
    for registration in all_of(Registration, order_id=order.id):
        back = sum(gone.get(item.id, 0) for item in all_of(OrderItem, registration_id=registration.id))
        bought += max(0, registration.amount_paid_cents - back)
    for item in all_of(OrderItem, order_id=order.id):
        granted = [purchase.granted_at for purchase in all_of(ProductPurchase, order_item_id=item.id)]
        listed = [purchase.paid_at for purchase in all_of(ListingPurchase, order_item_id=item.id)]
        if all_of(Membership, order_item_id=item.id) or any([*granted, *listed]):
            bought += item.unit_amount_cents * item.quantity - gone.get(item.id, 0)
    return bought


def wrongly_open() -> list[int]:
    """Lines whose course or file can be opened and is not paid for, or is paid for and cannot be opened."""
    found = []
    for purchase in all_of(ProductPurchase):
        item = the(OrderItem, id=purchase.order_item_id)
        order = the(Order, id=item.order_id)
        back = sum(refund.amount_cents for refund in refunds_of(order) if refund.order_item_id == item.id)
        paid = order.status == "paid" and back < item.unit_amount_cents * item.quantity
        if paid != (purchase.granted_at is not None and purchase.revoked_at is None):
            found.append(item.id)
    return found


def kept_by_hand(order: Order) -> int:
    """What people took for it in cash or by transfer and have not been told to pay out, in minor units."""
    payments = [p for each in together(order) for p in all_of(Payment, order_id=each.id) if p.provider != "stripe"]
    return sum(p.captured_cents - sum(r.amount_cents for r in all_of(Refund, payment_id=p.id)) for p in payments)
