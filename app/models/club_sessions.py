"""What people attend, with the counters that keep it from being oversold. ``places_taken`` has one writer: services.places."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..extensions import Base
from ..rules.statuses import Entry, RefundPolicy, SessionStatus, WaitlistPayment
from .columns import CreatedAt, Currency, Id, Moment, UtcDateTime, status_column


def _not_negative(name: str) -> sa.CheckConstraint:
    """Part of the column and not of the table: so SQLite can add it to a table that others refer to."""
    return sa.CheckConstraint(f"{name} >= 0", name=name)


class ClubSession(Base):
    __tablename__ = "club_sessions"
    __table_args__ = (
        sa.CheckConstraint("capacity >= 0", name="capacity"),
        sa.CheckConstraint("overbooked >= 0", name="overbooked"),
        sa.CheckConstraint("places_taken BETWEEN 0 AND capacity + overbooked", name="never_oversold"),
        sa.CheckConstraint("waitlist_taken >= 0", name="waitlist_taken"),
        sa.CheckConstraint("waitlist_capacity IS NULL OR waitlist_capacity >= 0", name="waitlist_capacity"),
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("COALESCE(member_price_cents, 0) >= 0 AND COALESCE(non_member_price_cents, 0) >= 0", name="prices"),
        sa.CheckConstraint("max_places >= 1", name="max_places"),
        sa.CheckConstraint("refund_percent BETWEEN 0 AND 100 AND refund_fee_cents >= 0", name="refund_terms"),
        sa.Index("ix_club_sessions_status_starts_at", "status", "starts_at"),
        sa.Index("ix_club_sessions_status_ends_at", "status", "ends_at"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    summary: Mapped[str] = mapped_column(sa.String(300), default="")
    description: Mapped[str] = mapped_column(sa.Text, default="")
    location: Mapped[str] = mapped_column(sa.String(300), default="")
    starts_at: Mapped[Moment]
    ends_at: Mapped[Moment]
    time_zone: Mapped[str] = mapped_column(sa.String(60))
    capacity: Mapped[int]
    places_taken: Mapped[int] = mapped_column(default=0)
    overbooked: Mapped[int] = mapped_column(default=0)
    waitlist_capacity: Mapped[int | None]
    waitlist_taken: Mapped[int] = mapped_column(default=0)
    member_price_cents: Mapped[int | None]
    non_member_price_cents: Mapped[int | None]
    student_price_cents: Mapped[int | None] = mapped_column(_not_negative("student_price_cents"))
    early_price_until: Mapped[Moment | None]
    """Before this moment the early prices hold, where they are lower."""
    early_member_price_cents: Mapped[int | None] = mapped_column(_not_negative("early_member_price_cents"))
    early_non_member_price_cents: Mapped[int | None] = mapped_column(_not_negative("early_non_member_price_cents"))
    currency: Mapped[Currency]
    status: Mapped[SessionStatus] = mapped_column(status_column(SessionStatus), default=SessionStatus.DRAFT)
    entry: Mapped[Entry] = mapped_column(status_column(Entry, "entry"), default=Entry.OPEN)
    waitlist_payment: Mapped[WaitlistPayment] = mapped_column(
        status_column(WaitlistPayment, "waitlist_payment"), default=WaitlistPayment.ON_OFFER
    )
    opens_at: Mapped[Moment | None]
    members_open_at: Mapped[Moment | None]
    closes_at: Mapped[Moment | None]
    max_places: Mapped[int] = mapped_column(default=1)
    refund_until: Mapped[Moment | None]
    refund_policy: Mapped[RefundPolicy] = mapped_column(status_column(RefundPolicy, "refund_policy"), default=RefundPolicy.FULL)
    refund_percent: Mapped[int] = mapped_column(default=100)
    refund_fee_cents: Mapped[int] = mapped_column(default=0)
    waitlist_members_first: Mapped[bool] = mapped_column(default=False)
    allow_promotion_codes: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    """Whether Stripe's page takes the club's promotion codes of Stripe for a booking of this session alone."""
    changed_at: Mapped[Moment | None]
    """When time or place last changed for people who were in it: who booked before may cancel for a full refund."""
    cancel_reason: Mapped[str | None] = mapped_column(sa.Text)
    wound_up_at: Mapped[Moment | None]
    """When everybody of a cancelled or started session had been told and refunded; null: the worker still looks."""
    host_user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    series: Mapped[str | None] = mapped_column(sa.String(80))
    calendar_sequence: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment] = mapped_column(UtcDateTime(), default=clock.now, onupdate=clock.now)
