"""What the club keeps in the end, held against what was said to people (promises 2 and 7). Called by `calm`.

A booking's money may have come in several orders, and an order may hold several things: so an order and those of its bookings'
differences are judged together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping

from app.queries import refund_terms
from app.rules.statuses import ItemKind, OrderStatus, PaymentState, PaymentStatus, RefundStatus, RegistrationStatus
from app.services import ledger
from app.services.by_hand import Means

from . import purchases, rows
from .ends import Told
from .promises import must
from .rows import AtStripe, Rows, cents_of

if TYPE_CHECKING:
    from .history import Story

_R = RegistrationStatus


def all_money_has_an_end(seen: Rows, stripe: AtStripe, *, at_once: bool = False) -> None:
    """Promise 2: each captured cent is a confirmed item, a refund sent, or a case; what nothing was confirmed for goes back.

    ``at_once``: but for refunds that a bank returned without our hearing of it; the nightly reconciling finds those.
    """
    by_intent = {p["payment_intent_id"]: p for p in seen.payments.values() if p["payment_intent_id"]}
    for intent, captured in stripe.captured.items():
        payment = by_intent.get(intent)
        must(payment is not None, 2, f"{captured} captured by {intent}, and nobody knows it")
        if payment is None or seen.has_case(payment["id"]) or intent in stripe.disputed:
            continue
        if at_once and intent in stripe.returned:
            continue
        left = captured - stripe.refunded.get(intent, 0)
        bought = _bought_cents(seen, payment["order_id"])
        must(left <= bought, 2, f"payment {payment['id']}: {left} of {captured} is kept, and bought {bought}")


def _bought_cents(seen: Rows, order_id: int) -> int:
    """What the lines of an order cost that were had by it."""
    had, order = 0, seen.orders[order_id]
    for item in seen.order_items.values():
        if item["order_id"] != order_id:
            continue
        if item["kind"] is ItemKind.MEMBERSHIP:
            had += cents_of(item) * any(m["order_item_id"] == item["id"] for m in seen.memberships.values())
        elif item["kind"] is ItemKind.PRODUCT:
            had += cents_of(item) * (seen.product_purchases[item["id"]]["granted_at"] is not None)
        elif seen.registrations[item["registration_id"]]["order_id"] != order_id:
            had += cents_of(item) * (order["status"] is OrderStatus.PAID)
        else:
            had += cents_of(item) * (seen.registrations[item["registration_id"]]["amount_paid_cents"] >= cents_of(item))
    return had


def what_is_kept_is_owed(story: Story, seen: Rows, stripe: AtStripe) -> None:
    """The club keeps of each purchase what its end says: all while it stands, by the terms or staff's word once cancelled."""
    differences = seen.differences()
    for order_id in (id_ for id_ in seen.orders if id_ not in differences):
        payments = _captured(seen, order_id)
        if not payments or _waits_for_a_person(seen, stripe, payments):
            continue
        left = sum(p["captured_cents"] - _gone(seen, stripe, p) for p in payments)
        bookings = seen.bookings_of(order_id)
        expected = sum(owed_to_club(story, seen, r) for r in bookings)
        expected += _memberships(seen, order_id) + _products(story, seen, order_id)
        if elsewhere := _made_at_stripe(seen, payments):
            paid = sum(p["captured_cents"] for p in payments)
            must(left <= max(expected, paid - elsewhere), 2, f"order {order_id}: {left} is kept, {elsewhere} went elsewhere")
        else:
            states = [(r["id"], r["status"].value) for r in bookings]
            must(left == expected, 2, f"order {order_id} of {states}: {left} is kept, not {expected}")
        for r in bookings if left == 0 and not _to_be_sent(seen, payments) else ():
            wrong = r["status"] is _R.REGISTERED and r["payment_status"] is PaymentState.PAID
            must(not wrong, 11, f"registration {r['id']} says paid, and all of it went back")


def _captured(seen: Rows, order_id: int) -> list[RowMapping]:
    """The payments of an order and of its bookings' differences that became money."""
    found = [p for id_ in sorted(seen.together(order_id)) for p in seen.payments_of(id_)]
    return [p for p in found if p["status"] is PaymentStatus.SUCCEEDED]


def _waits_for_a_person(seen: Rows, stripe: AtStripe, payments: list[RowMapping]) -> bool:
    return any(seen.has_case(p["id"]) or p["payment_intent_id"] in stripe.disputed for p in payments)


def _gone(seen: Rows, stripe: AtStripe, payment: RowMapping) -> int:
    """What went back by Stripe's record; what was taken by hand is as good as gone once a person is told to pay it out."""
    if payment["provider"] == "stripe":
        return stripe.refunded.get(payment["payment_intent_id"], 0)
    return seen.given_back(payment["id"])


def _to_be_sent(seen: Rows, payments: list[RowMapping]) -> bool:
    """Whether a person has yet to hand some of it over."""
    ids = [p["id"] for p in payments]
    return any(r["status"] is RefundStatus.REQUESTED and r["payment_id"] in ids for r in seen.refunds.values())


def _made_at_stripe(seen: Rows, payments: list[RowMapping]) -> int:
    ids = [p["id"] for p in payments]
    made = (r for r in seen.refunds.values() if r["reason"] == "made_at_stripe" and r["payment_id"] in ids)
    return sum(r["amount_cents"] for r in made)


def _memberships(seen: Rows, order_id: int) -> int:
    """What memberships bought in an order cost, but those that staff paid back."""
    kept = 0
    for item in seen.order_items.values():
        had = any(m["order_item_id"] == item["id"] for m in seen.memberships.values())
        back = [r for r in seen.refunds.values() if r["order_item_id"] == item["id"] and r["status"] is not RefundStatus.FAILED]
        if item["order_id"] == order_id and had and not back:
            kept += cents_of(item)
    return kept


def _products(story: Story, seen: Rows, order_id: int) -> int:
    """What courses and files of an order cost that were had by it, less what staff said that goes back."""
    lines = [(item, bought) for item, bought in purchases.of_order(seen, order_id) if bought["granted_at"] is not None]
    return sum(max(0, cents_of(item) - story.record.given_back[item["id"]]) for item, _ in lines)


def owed_to_club(story: Story, seen: Rows, r: RowMapping) -> int:
    """What the record says that the club keeps of this booking, by all that was done to it and by how and when it ended."""
    told = story.record.told.get(r["id"], Told())
    [own] = [line for line in seen.lines_of(r["id"]) if line["order_id"] == r["order_id"]]
    kept = told.kept(cents_of(own) if r["amount_paid_cents"] else 0)
    if r["status"] in (_R.REGISTERED, _R.WAITLISTED):
        return kept
    end = told.end
    if end is not None and end.staff_cents is not None:
        return kept
    if end is None or end.by_itself or end.waited or not told.confirmed:
        return 0
    session: Any = seen.club_sessions[r["club_session_id"]]
    terms = refund_terms.of_booking(session_like(session), session_like(r))
    if terms.in_time(session["starts_at"], end.at):
        return max(0, kept - terms.back_cents(r["amount_paid_cents"]))
    return 0 if end.replaced else kept


def session_like(row: RowMapping) -> Any:
    """A row whose columns are read as attributes."""
    return type("Session", (), dict(row))


def what_hands_took_is_in_the_books(story: Story, seen: Rows, stripe: AtStripe) -> None:
    """Cash and bank hold what people took and have not paid out; nothing is on its way; each session has its own revenue."""
    paid_out = [entry for entry in rows.audit_since(0) if entry["action"] == "refund_paid_by_hand"]
    for means in Means:
        came = sum(p["captured_cents"] for p in seen.payments.values() if p["provider"] == means)
        went = sum(entry["detail"]["cents"] for entry in paid_out if entry["detail"]["means"] == means)
        here = rows.balance(ledger.HELD_AT[means])
        must(here == came - went, 7, f"the books hold {here} in {means}, and {came} came and {went} went")
    must(rows.balance(ledger.MOVED) == 0, 7, "money is on its way between sessions for ever")
    hands_alone = not seen.cases or all(case["kind"] == rows.BY_HAND for case in seen.cases.values())
    if hands_alone and not stripe.disputed and not _made_at_stripe(seen, list(seen.payments.values())):
        _each_session_has_its_revenue(story, seen)


def _each_session_has_its_revenue(story: Story, seen: Rows) -> None:
    sold = -rows.balance(ledger.revenue(ItemKind.PRODUCT))
    had = sum(_products(story, seen, id_) for id_ in seen.orders)
    must(sold == had, 7, f"courses and files have {sold} in the books, and {had} is kept of what was bought")
    booked = rows.revenue_of(ledger.revenue(ItemKind.REGISTRATION))
    for id_ in seen.club_sessions:
        mine = [r for r in seen.registrations.values() if r["club_session_id"] == id_]
        kept = sum(owed_to_club(story, seen, r) for r in mine)
        must(booked.get(id_, 0) == kept, 7, f"session {id_} has {booked.get(id_, 0)} in the books, its bookings keep {kept}")
