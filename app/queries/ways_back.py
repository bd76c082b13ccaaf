"""What is left of the money for a booking, and which way it would go back: to the card that paid it, or by hand. Called by pages.

A booking may have been paid in several orders, each its own way: what goes back is taken from the newest first, as
services.paying_back does it, and never more than is left of a line's price and of its payment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from ..extensions import db
from ..models import OrderItem, Payment, Refund
from ..rules.statuses import PaymentStatus, RefundStatus
from . import bought

STRIPE = "stripe"
"""The provider of payments that a card made; others were taken by hand (models.payments)."""
_GONE = func.coalesce(func.sum(Refund.amount_cents), 0)
_GOOD = Refund.status != RefundStatus.FAILED
_OF_LINE = select(_GONE).where(Refund.order_item_id == OrderItem.id, _GOOD).correlate(OrderItem).scalar_subquery()
_OF_PAYMENT = select(_GONE).where(Refund.payment_id == Payment.id, _GOOD).correlate(Payment).scalar_subquery()
_LEFT_OF = (
    select(
        OrderItem.id,
        OrderItem.registration_id,
        Payment.provider,
        (OrderItem.unit_amount_cents * OrderItem.quantity - _OF_LINE).label("line"),
        (Payment.here_cents - _OF_PAYMENT).label("payment"),
    )
    .join(Payment, Payment.order_id == OrderItem.order_id)
    .where(OrderItem.registration_id.in_(bindparam("bookings", expanding=True)), Payment.status == PaymentStatus.SUCCEEDED)
    .where(bought.with_payment())
    .order_by(OrderItem.id.desc())
)
"""Made once: it takes longer to build than to run."""


@dataclass(frozen=True, slots=True)
class Back:
    """An amount that goes back, in its two parts; minor units."""

    card_cents: int
    hand_cents: int

    @property
    def cents(self) -> int:
        return self.card_cents + self.hand_cents


@dataclass(frozen=True, slots=True)
class LineLeft:
    """What could still go back of one line, in minor units, and whether a person pays it out."""

    cents: int
    by_hand: bool
    kept_cents: int
    """What of its price has not been promised back: more than could go back when a bank has claimed the payment."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a booking's money: of its lines that were paid, the newest first."""

    lines: Sequence[LineLeft] = ()

    @property
    def cents(self) -> int:
        """The most that could still go back."""
        return sum(line.cents for line in self.lines)

    @property
    def kept_cents(self) -> int:
        """What was paid and has not been promised back: what a session's terms are about (services.paying_back)."""
        return sum(line.kept_cents for line in self.lines)

    def back(self, cents: int) -> Back:
        """How ``cents`` would go back, from the newest line on; no more than is left."""
        card = hand = 0
        for line in self.lines:
            part = min(line.cents, cents - card - hand)
            card, hand = (card, hand + part) if line.by_hand else (card + part, hand)
        return Back(card, hand)


def left_of(registration_ids: Collection[int]) -> Mapping[int, Left]:
    """What is left of each booking that anything was paid for. One statement; none for no booking."""
    if not registration_ids:
        return {}
    found: defaultdict[int, list[LineLeft]] = defaultdict(list)
    rows = db.session.execute(_LEFT_OF, {"bookings": list(registration_ids)})
    for row in rows:
        cents = max(0, min(int(row.line), int(row.payment)))
        found[row.registration_id].append(LineLeft(cents, row.provider != STRIPE, int(row.line)))
    return {registration_id: Left(lines) for registration_id, lines in found.items()}
