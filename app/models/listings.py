"""A host's session on its way to being published, what was paid for that, and who helps the host. Written by services.hosting."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import ReviewState
from .columns import CreatedAt, Email, Id, Moment, Token, status_column


class Listing(Base):
    """One for each session that somebody hosts; ``club_sessions.host_user_id`` says who."""

    __tablename__ = "listings"

    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"), primary_key=True)
    review: Mapped[ReviewState] = mapped_column(status_column(ReviewState, "review"), default=ReviewState.NONE)
    review_reason: Mapped[str | None] = mapped_column(sa.Text)
    """Why the committee said no: the host reads it."""
    created_at: Mapped[CreatedAt]


class ListingPurchase(Base):
    """What an item of the kind ``listing`` is for; paid, it is tied to the one PaymentIntent that paid it."""

    __tablename__ = "listing_purchases"
    __table_args__ = (
        sa.CheckConstraint("amount_paid_cents >= 0 AND (paid_at IS NOT NULL OR amount_paid_cents = 0)", name="paid"),
        sa.UniqueConstraint("payment_intent_id", name="uq_listing_purchases_payment_intent_id"),
    )

    order_item_id: Mapped[int] = mapped_column(sa.ForeignKey("order_items.id"), primary_key=True, autoincrement=False)
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("listings.club_session_id"), index=True)
    payment_intent_id: Mapped[str | None] = mapped_column(sa.String(255))
    paid_at: Mapped[Moment | None]
    amount_paid_cents: Mapped[int] = mapped_column(default=0)
    refunded_at: Mapped[Moment | None]
    """When all of it had gone back."""


class HostRole(Base):
    """A co-host: invited by address, and one once the person with that account has said yes."""

    __tablename__ = "host_roles"
    __table_args__ = (
        sa.CheckConstraint("email = lower(email)", name="email_lower_case"),
        sa.UniqueConstraint("club_session_id", "email", name="uq_host_roles_club_session_id_email"),
    )

    id: Mapped[Id]
    token: Mapped[Token]
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"))
    email: Mapped[Email]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), index=True)
    accepted_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]
