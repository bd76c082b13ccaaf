"""Attempts to pay an order and money going back. The stored key and parameters make a repeated call the same call."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import UNSETTLED, PaymentStatus, RefundStatus
from .columns import CreatedAt, Currency, Id, Json, Moment, any_of, status_column

_REFUND_OPEN = (RefundStatus.REQUESTED, RefundStatus.PENDING)
_UNSETTLED = sa.text(any_of("status", UNSETTLED))
_REFUND_UNSETTLED = sa.text(any_of("status", _REFUND_OPEN))
PAYMENT_UNSETTLED = sa.text(any_of("payments.status", UNSETTLED))
REFUND_UNSETTLED = sa.text(any_of("refunds.status", _REFUND_OPEN))
"""Conditions written out instead of given as parameters: only then SQLite goes by the small indexes of what is not settled."""


class Payment(Base):
    """One Stripe Checkout Session, at most one PaymentIntent; or money taken otherwise (``provider``)."""

    __tablename__ = "payments"
    __table_args__ = (
        sa.CheckConstraint("amount_cents >= 0 AND captured_cents >= 0", name="amounts"),
        sa.Index("uq_payments_unsettled", "order_id", unique=True, sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
        sa.Index("ix_payments_paid_at", "paid_at"),
        sa.Index("ix_payments_due", "next_check_at", sqlite_where=_UNSETTLED, postgresql_where=_UNSETTLED),
    )

    id: Mapped[Id]
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    provider: Mapped[str] = mapped_column(sa.String(20), default="stripe")
    """``stripe``; ``cash`` or ``bank`` when a person took it."""
    checkout_id: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    checkout_url: Mapped[str | None] = mapped_column(sa.Text)
    payment_intent_id: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    idempotency_key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    params: Mapped[dict[str, Any]] = mapped_column(Json)
    takes_promotions: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Stripe's page was made so that it takes promotion codes: a discount on Stripe's record is accepted, and only then."""
    amount_cents: Mapped[int]
    captured_cents: Mapped[int] = mapped_column(default=0)
    """What Stripe says it took; equals ``amount_cents``, less a promotion code's discount, unless a case is open."""
    disputed_cents: Mapped[int] = mapped_column(default=0, server_default="0")
    """What a bank holds back of it in a dispute, or has taken back; 0 once that is won."""
    fee_cents: Mapped[int | None]
    """What Stripe kept for itself, known once reconciled."""
    currency: Mapped[Currency]
    status: Mapped[PaymentStatus] = mapped_column(status_column(PaymentStatus), default=PaymentStatus.CREATED)
    expires_at: Mapped[Moment]
    """Checkout's own ``expires_at``: after it, the Checkout can no longer be paid."""
    paid_at: Mapped[Moment | None]
    next_check_at: Mapped[Moment | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[CreatedAt]

    @hybrid_property
    def here_cents(self) -> int:
        """What was taken and is not in a bank's hands: all that could go back. In a query it is SQL."""
        return self.captured_cents - self.disputed_cents


class Refund(Base):
    __tablename__ = "refunds"
    __table_args__ = (
        sa.CheckConstraint("amount_cents > 0", name="amount"),
        sa.Index("ix_refunds_created_at", "created_at"),
        sa.Index("ix_refunds_due", "next_attempt_at", sqlite_where=_REFUND_UNSETTLED, postgresql_where=_REFUND_UNSETTLED),
    )

    id: Mapped[Id]
    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("payments.id"), index=True)
    order_item_id: Mapped[int | None] = mapped_column(sa.ForeignKey("order_items.id"), index=True)
    """The line it is for; None when it is money that bought nothing."""
    amount_cents: Mapped[int]
    reason: Mapped[str] = mapped_column(sa.String(60))
    status: Mapped[RefundStatus] = mapped_column(status_column(RefundStatus), default=RefundStatus.REQUESTED)
    provider_ref: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    idempotency_key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    actor: Mapped[str] = mapped_column(sa.String(120))
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[Moment | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[CreatedAt]
