"""One purchase and its lines, paid in one go. Moves follow rules.statuses.ORDER_MOVES."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import ItemKind, OrderStatus
from .columns import CreatedAt, Currency, Email, Id, Json, Moment, Reference, Token, any_of, status_column

_PENDING = sa.text(any_of("status", [OrderStatus.PENDING]))


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        sa.CheckConstraint("total_cents >= 0", name="total"),
        sa.Index("ix_orders_created_at", "created_at"),
        sa.Index("ix_orders_email", "email"),
        sa.Index("ix_orders_due", "hold_expires_at", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    id: Mapped[Id]
    token: Mapped[Token]
    reference: Mapped[Reference]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), index=True)
    email: Mapped[Email]
    name: Mapped[str] = mapped_column(sa.String(200))
    status: Mapped[OrderStatus] = mapped_column(status_column(OrderStatus), default=OrderStatus.PENDING)
    currency: Mapped[Currency]
    total_cents: Mapped[int]
    promotion_cents: Mapped[int] = mapped_column(default=0, server_default="0")
    """What a promotion code took off on Stripe's page: out of the total, and out of the line's amount, since it was paid."""
    attempt: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """The form's one-time key: the same form sent twice makes one order."""
    hold_expires_at: Mapped[Moment | None]
    """When the hold is due to end; null while nothing is held (waitlisted, free)."""
    cancel_requested_at: Mapped[Moment | None]
    """The person gave it up: the hold ends as ``cancelled`` once its Checkout can no longer be paid."""
    paid_at: Mapped[Moment | None]
    whatsapp_number: Mapped[str | None] = mapped_column(sa.String(20))
    """Where notices about an order without a booking go besides, in E.164; a booking has its own."""
    whatsapp_agreed_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]


class OrderItem(Base):
    __tablename__ = "order_items"
    __table_args__ = (
        sa.CheckConstraint("unit_amount_cents >= 0 AND quantity >= 1", name="amounts"),
        sa.CheckConstraint("kind <> 'registration' OR registration_id IS NOT NULL", name="registration_named"),
    )

    id: Mapped[Id]
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    kind: Mapped[ItemKind] = mapped_column(status_column(ItemKind, "kind"))
    description: Mapped[str] = mapped_column(sa.String(300))
    unit_amount_cents: Mapped[int]
    quantity: Mapped[int]
    lines: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    """What is charged and why, when that takes more to say than amount and quantity (a member's own place, then guests' at
    another price): each ``{name, unit_amount_cents, quantity, note, reason, saved_cents}``. Σ lines = amount × quantity."""
    registration_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registrations.id"), index=True)
    """The booking it is for. In another order than the booking's own it is a difference: what a change of it costs more."""
    added_places: Mapped[int] = mapped_column(default=0, server_default="0")
    """For a difference: how many places were added for it, and go again when it is not paid."""
