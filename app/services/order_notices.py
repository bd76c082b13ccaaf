"""Notices by WhatsApp about an order that is for no booking: a membership that somebody bought, money that goes back for it.

Called by ``letters`` beside the mail, and by ``ordering`` for what a new order keeps of the number. A booking's are ``notices``'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import Order
from ..rules.statuses import ItemKind
from . import notices
from .notices import Kind

OF_LETTER = {
    "membership_started": Kind.ORDERED, "purchased": Kind.ORDERED,
    "membership_refunded": Kind.REFUNDED, "purchase_refunded": Kind.REFUNDED, "product_refunded": Kind.REFUNDED,
}  # fmt: skip
"""Which mails about such an order have a notice beside them."""


def agreed(number: str | None, kinds: Iterable[ItemKind], now: datetime) -> dict[str, object]:
    """What a new order of these kinds keeps of the number; nothing with a booking, which keeps it itself."""
    return {} if ItemKind.REGISTRATION in set(kinds) else notices.agreed(number, now)


def owe(db: Session, template: str, key: str, order_id: int, letter: Mapping[str, Any]) -> None:
    """Owe the notice that belongs beside a mail about the order, once for the mail's ``key``, in the caller's transaction."""
    kind = OF_LETTER.get(template)
    if kind is None or not current_settings().whatsapp or (kind is Kind.REFUNDED and "refund" not in letter):
        return
    agreed_to = (Order.whatsapp_number.is_not(None), Order.whatsapp_agreed_at.is_not(None))
    if db.execute(select(Order.id).where(Order.id == order_id, *agreed_to)).first() is None:
        return
    names = ("name", "order_url", "order_reference", "currency", "total_cents", "refund")
    what = ", ".join(item["description"] for item in letter["items"])
    context = {name: letter[name] for name in names if name in letter}
    notices.write(db, f"{key}:o{order_id}", kind, context | {"what": what}, order_id=order_id)
