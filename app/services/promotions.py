"""Stripe's own promotion codes: which Checkout takes them, and what one took off, booked into what was ordered.

Called by ``orders``, before Stripe, and by ``fulfilment``, after. Invariant: the line of an order that was paid with one costs
what was paid for it, and so does the order; what was taken off stands beside that. So whatever refunds a line, or counts takings,
is bounded by money that came. Crash points: none of its own, all of it is in the transaction that records the payment.

A Checkout takes codes only for an order of one line that allows them and that no code of the club's has lowered already: Stripe
takes its discount off the whole, and in a mixed basket nobody could say which line it was for. The payment remembers whether it
did, so that a setting changed meanwhile neither refuses nor allows a discount.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from flask_babel import gettext as _  # type: ignore[import-untyped]
from sqlalchemy import update
from sqlalchemy.orm import Session

from ..models import Order, OrderItem, Payment, Registration
from ..rules import money as money_rules
from ..rules import pricing
from ..rules.pricing import Reason
from . import audit, items, order_lines
from .amounts import money
from .items import Quoted

Line = Mapping[str, Any]


def taken_by(quoted: Sequence[Quoted]) -> bool:
    """Whether the first Checkout of an order of these takes promotion codes."""
    return len(quoted) == 1 and quoted[0].takes_promotions and quoted[0].voucher_id is None


def taken_for(db: Session, lines: Sequence[OrderItem]) -> bool:
    """The same of a later Checkout of an order, by its lines as they were written."""
    if len(lines) != 1 or any("code_note" in line for line in lines[0].lines or []):
        return False
    return items.handler(lines[0].kind).takes_promotions(db, lines[0])


def problem(payment: Payment, total_cents: int, discount_cents: int, subtotal_cents: int | None) -> str | None:
    """Why these amounts of a paid Checkout are not what was ordered, or None (promise 5)."""
    subtotal = total_cents + discount_cents if subtotal_cents is None else subtotal_cents
    if subtotal != payment.amount_cents or total_cents != subtotal - discount_cents or discount_cents < 0:
        return "amount"
    return "discount" if discount_cents and not payment.takes_promotions else None


def book(db: Session, order: Order, payment: Payment, discount_cents: int, actor: str) -> None:
    """This payment is what pays the order: its line and total become what was paid. The order's row is locked."""
    if not payment.takes_promotions or discount_cents == order.promotion_cents:
        return
    [item] = order_lines.of_order(db, order.id)
    before = [_whole(line) for line in item.lines or [_plain(item)]]
    lines = [made for line in _spread(before, discount_cents, order.currency) for made in line]
    total = payment.amount_cents - discount_cents
    unit, quantity = (lines[0]["unit_amount_cents"], lines[0]["quantity"]) if len(lines) == 1 else (total, 1)
    values = {"unit_amount_cents": unit, "quantity": quantity, "lines": lines}
    db.execute(update(OrderItem).where(OrderItem.id == item.id).values(values))
    db.execute(update(Order).where(Order.id == order.id).values(total_cents=total, promotion_cents=discount_cents))
    audit.record(db, actor, "promotion_used", "order", order.id, payment=payment.id, cents=discount_cents)


def note_price(db: Session, order: Order, item: OrderItem) -> None:
    """A booking had with a discount costs what was paid for it; a later change of it is measured by that. Its row is locked."""
    if order.promotion_cents:
        own = (Registration.id == item.registration_id, Registration.order_id == order.id)
        price = {"price_cents": item.unit_amount_cents * item.quantity}
        db.execute(update(Registration).where(*own).values(price).execution_options(synchronize_session=False))


def _plain(item: OrderItem) -> dict[str, Any]:
    return {
        "name": item.description, "unit_amount_cents": item.unit_amount_cents, "quantity": item.quantity,
        "reason": Reason.NON_MEMBER.value, "saved_cents": 0, "note": "",
    }  # fmt: skip


def _whole(line: Line) -> dict[str, Any]:
    """The line as it was before a discount of another payment, if there was one."""
    full = line.get("full_cents", line["unit_amount_cents"])
    return {**{k: v for k, v in line.items() if k not in ("full_cents", "code_note")}, "unit_amount_cents": full}


def _spread(lines: Sequence[Line], discount_cents: int, currency: str) -> list[list[dict[str, Any]]]:
    """The lines with the discount shared out over their pieces by price, each as one line or as one for each price now."""
    pieces = [line["unit_amount_cents"] for line in lines for _piece in range(line["quantity"])]
    off = iter(pricing.shared_out(discount_cents, pieces, money_rules.step(currency)))
    return [_cut(line, [next(off) for _piece in range(line["quantity"])], currency) for line in lines]


def _cut(line: Line, off: Sequence[int], currency: str) -> list[dict[str, Any]]:
    made = []
    for cents, alike in groupby(off):
        count = len(list(alike))
        full = line["unit_amount_cents"]
        cut: dict[str, Any] = {**line, "unit_amount_cents": full - cents, "quantity": count, "full_cents": full}
        if len(off) != count:
            cut |= {"saved_cents": line["saved_cents"] * count // len(off), "note": ""}
        if cents:
            cut["code_note"] = str(_("Promotion code: you save %(saved)s", saved=money(cents * count, currency)))
        made.append(cut)
    return made
