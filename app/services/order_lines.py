"""The lines that an order's items are made of: one price each, with its reason. Called by whatever sells, and by the next attempt
to pay, which must be the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import gettext as _  # type: ignore[import-untyped]
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, load_only

from ..integrations.payments import CheckoutLine
from ..models import ClubSession, OrderItem, Registration
from ..rules.memberships import Price
from ..rules.pricing import Quote, Reason
from .amounts import price_reason

PLAIN = (Reason.FREE, Reason.NON_MEMBER)
"""Prices that need no explanation."""


@dataclass(frozen=True, slots=True)
class PricedLine:
    """So many of a thing at one price. ``note`` says the reason to the person, and is kept as it was said."""

    name: str
    unit_amount_cents: int
    quantity: int
    reason: Reason
    saved_cents: int
    note: str = ""
    code_note: str = ""
    """What a code takes off, in words that are kept as they were said."""

    @property
    def amount_cents(self) -> int:
        return self.unit_amount_cents * self.quantity

    def checkout(self) -> CheckoutLine:
        """The line as Stripe shows it."""
        return CheckoutLine(self.name, self.unit_amount_cents, self.quantity, said(self.note, self.code_note))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order as it is stored."""

    item: OrderItem
    registration: Registration | None
    club_session: ClubSession | None


def said(*notes: str) -> str:
    """Several reasons for a price as one line of words."""
    return ". ".join(note for note in notes if note)


def of_quote(title: str, quote: Quote) -> list[PricedLine]:
    """The places of a booking: the person's own and, where they cost something else, the guests'."""
    own, guests = quote.lines[0], quote.lines[1:]
    note = price_reason(own.reason, own.saved_cents, quote.currency)
    lines = [PricedLine(title, own.unit_cents, own.places, own.reason, own.saved_cents, note)]
    return lines + [PricedLine(title, g.unit_cents, g.places, g.reason, g.saved_cents, _("Guests")) for g in guests]


def of_plan(name: str, price: Price, currency: str) -> list[PricedLine]:
    """A membership."""
    reason = Reason.STUDENT if price.is_student else Reason.NON_MEMBER
    return [PricedLine(name, price.cents, 1, reason, price.saved_cents, price_reason(reason, price.saved_cents, currency))]


def summed(description: str, lines: Sequence[PricedLine]) -> CheckoutLine:
    """The lines as one: exact in amount × quantity, so several prices are one amount once."""
    if len(lines) == 1:
        return CheckoutLine(description, lines[0].unit_amount_cents, lines[0].quantity)
    return CheckoutLine(description, sum(line.amount_cents for line in lines), 1)


def stored(lines: Sequence[PricedLine]) -> list[dict[str, Any]] | None:
    """What `order_items.lines` holds; None when amount and quantity say it all."""
    if len(lines) <= 1 and all(line.reason in PLAIN and not line.code_note for line in lines):
        return None
    return [{k: v for k, v in asdict(line).items() if k != "code_note" or v} for line in lines]


def checkout_lines(kept: list[dict[str, Any]] | None, whole: CheckoutLine) -> list[CheckoutLine]:
    """The lines of a stored item as they were first shown to Stripe."""
    if kept is None:
        return [whole]
    return [CheckoutLine(line["name"], line["unit_amount_cents"], line["quantity"], _note(line)) for line in kept]


def _note(line: dict[str, Any]) -> str:
    return said(line["note"], line.get("code_note", ""))


def of_order(db: Session, order_id: int) -> Sequence[OrderItem]:
    """The items of an order, in the order they were written. One statement, made once."""
    return db.execute(_OF_ORDER, {"order_id": order_id}).scalars().all()


def with_bookings(db: Session, order_id: int) -> list[Line]:
    """The same, each with the booking that it may be for and that booking's session. They are kept as ``writes.moved`` changes
    them, but only a lock makes them certain."""
    return [Line(*row) for row in db.execute(_LINES, {"order_id": order_id})]


_R, _C = Registration, ClubSession
_OF_BOOKING = (
    _R.token, _R.reference, _R.club_session_id, _R.order_id, _R.places, _R.status, _R.created_at, _R.moved_at, _R.offered_at,
)  # fmt: skip
_OF_SESSION = (
    _C.title, _C.slug, _C.location, _C.starts_at, _C.ends_at, _C.time_zone, _C.calendar_sequence, _C.changed_at,
    _C.refund_policy, _C.refund_until, _C.refund_percent, _C.refund_fee_cents,
)  # fmt: skip
"""What letters say. The rest of a row, a session's texts above all, is read when somebody asks for it."""
_LINES = (
    select(OrderItem, Registration, ClubSession)
    .outerjoin(Registration, Registration.id == OrderItem.registration_id)
    .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
    .where(OrderItem.order_id == bindparam("order_id"))
    .order_by(OrderItem.id)
    .options(load_only(*_OF_BOOKING), load_only(*_OF_SESSION))
    .execution_options(populate_existing=True)
)
_OF_ORDER = select(OrderItem).where(OrderItem.order_id == bindparam("order_id")).order_by(OrderItem.id)
