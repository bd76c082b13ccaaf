"""What a confirmed booking says of its money, after every step: its own order and those of its differences (promises 3 and 5).

Also that memberships are bought, and that nobody has two at once. Called by `invariants`.
"""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy import RowMapping

from app.rules.statuses import OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus

from .promises import must
from .rows import AtStripe, Rows, cents_of

ENDED = (OrderStatus.EXPIRED, OrderStatus.CANCELLED)


def check(seen: Rows, stripe: AtStripe) -> None:
    for r in seen.registrations.values():
        if r["status"] is RegistrationStatus.REGISTERED:
            _is_paid_for(seen, stripe, r)
            _owes_what_was_asked(seen, r)
    _members(seen, stripe)


def _is_paid_for(seen: Rows, stripe: AtStripe, r: RowMapping) -> None:
    """What it says was paid are its lines of paid orders, each with its money; and that is what it costs, unless some of it went
    back already or a bank has claimed it.
    """
    name, paid = f"registration {r['id']}", [line for line in seen.lines_of(r["id"]) if _status(seen, line) is OrderStatus.PAID]
    worth = sum(map(cents_of, paid))
    must(any(line["order_id"] == r["order_id"] for line in paid), 5, f"{name} is registered and unpaid")
    must(r["amount_paid_cents"] == worth, 5, f"{name} says that {r['amount_paid_cents']} was paid, its orders {worth}")
    for line in paid:
        has_its_money(seen, stripe, line["order_id"])
    refunds = [refund for refund in seen.refunds.values() if _about(seen, refund, paid)]
    less = sum(refund["amount_cents"] for refund in refunds if refund["reason"] == "difference" and _stands(refund))
    over = worth - less - (r["price_cents"] - r["owed_cents"])
    others = any(refund["reason"] != "difference" or not _stands(refund) for refund in refunds)
    claimed = [p for line in paid for p in seen.payments_of(line["order_id"]) if p["payment_intent_id"] in stripe.disputed]
    less_came_back = over > 0 and (others or bool(claimed))
    must(over == 0 or less_came_back, 5, f"{name} costs {r['price_cents']}, owes {r['owed_cents']}, paid {worth} - {less}")


def has_its_money(seen: Rows, stripe: AtStripe, order_id: int) -> None:
    """A paid order's total was captured, at Stripe or by a person's hand."""
    total = seen.orders[order_id]["total_cents"]
    paid = [p for p in seen.payments_of(order_id) if p["status"] is PaymentStatus.SUCCEEDED]
    by_hand = [p["captured_cents"] for p in paid if p["provider"] != "stripe"]
    amounts = [stripe.captured.get(p["payment_intent_id"], 0) for p in paid if p["provider"] == "stripe"] + by_hand
    must(total == 0 or total in amounts, 5, f"order {order_id} costs {total}, and {amounts} came")
    must(len(by_hand) <= 1, 3, f"order {order_id} was paid {len(by_hand)} times by hand")


def _owes_what_was_asked(seen: Rows, r: RowMapping) -> None:
    """What it owes is what can be paid now, and what a move costs more whose link ran out: added places went with theirs."""
    asked = [line for line in seen.lines_of(r["id"]) if line["order_id"] != r["order_id"]]
    now = sum(cents_of(line) for line in asked if _status(seen, line) is OrderStatus.PENDING)
    lapsed = sum(cents_of(line) for line in asked if _status(seen, line) in ENDED and not line["added_places"])
    must(now <= r["owed_cents"] <= now + lapsed, 5, f"registration {r['id']} owes {r['owed_cents']}, asked {now} + {lapsed}")
    pending = r["payment_status"] is PaymentState.PENDING
    must(pending == (r["owed_cents"] > 0), 11, f"registration {r['id']} is {r['payment_status']} and owes {r['owed_cents']}")


def _members(seen: Rows, stripe: AtStripe) -> None:
    spans: dict[int, list[RowMapping]] = {}
    for membership in seen.memberships.values():
        if membership["order_item_id"] is not None:
            has_its_money(seen, stripe, seen.order_items[membership["order_item_id"]]["order_id"])
        if membership["revoked_at"] is None:
            spans.setdefault(membership["user_id"], []).append(membership)
    for user_id, valid in spans.items():
        valid.sort(key=lambda membership: membership["starts_on"])
        apart = all(one["ends_on"] < other["starts_on"] for one, other in pairwise(valid))
        must(apart, 3, f"user {user_id} paid twice for the same days")


def _status(seen: Rows, line: RowMapping) -> OrderStatus:
    status: OrderStatus = seen.orders[line["order_id"]]["status"]
    return status


def _stands(refund: RowMapping) -> bool:
    return refund["status"] is not RefundStatus.FAILED


def _about(seen: Rows, refund: RowMapping, lines: list[RowMapping]) -> bool:
    """Whether a refund is of these lines, or of their orders' money without saying which line."""
    if refund["order_item_id"] is not None:
        return refund["order_item_id"] in [line["id"] for line in lines]
    return seen.payments[refund["payment_id"]]["order_id"] in [line["order_id"] for line in lines]
