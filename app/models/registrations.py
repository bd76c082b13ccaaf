"""One booking for 1..n places in one club session, by one e-mail address. Moves follow rules.statuses.REGISTRATION_MOVES."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..extensions import Base
from ..rules.statuses import ACTIVE, UNDECIDED, PaymentState, RegistrationStatus
from .columns import CreatedAt, Email, Id, Json, Moment, Reference, Token, UtcDateTime, any_of, status_column

_ACTIVE = sa.text(any_of("status", ACTIVE))
_OFFERED = sa.text(any_of("status", [RegistrationStatus.OFFERED]))
_WANTED = sa.text("replacement_wanted_at IS NOT NULL")


class Registration(Base):
    __tablename__ = "registrations"
    __table_args__ = (
        sa.CheckConstraint("places >= 1", name="places"),
        sa.CheckConstraint("price_cents >= 0 AND amount_paid_cents >= 0", name="amounts"),
        sa.CheckConstraint("email = lower(email)", name="email_lower_case"),
        sa.CheckConstraint(f"applied_at IS NOT NULL OR NOT ({any_of('status', UNDECIDED)})", name="applied"),
        sa.CheckConstraint("reserved_at IS NOT NULL OR status <> 'in_reserve'", name="reserved"),
        sa.Index(
            "uq_registrations_active", "club_session_id", "email", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE
        ),
        sa.Index("ix_registrations_club_session_id_status", "club_session_id", "status"),
        sa.Index("ix_registrations_email", "email"),
        sa.Index("ix_registrations_created_at", "created_at"),
        sa.Index("ix_registrations_offers_due", "offer_expires_at", sqlite_where=_OFFERED, postgresql_where=_OFFERED),
        sa.Index("ix_registrations_replacement_wanted", "club_session_id", sqlite_where=_WANTED, postgresql_where=_WANTED),
    )

    id: Mapped[Id]
    token: Mapped[Token]
    reference: Mapped[Reference]
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"), index=True)
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[Email]
    places: Mapped[int]
    status: Mapped[RegistrationStatus] = mapped_column(status_column(RegistrationStatus))
    payment_status: Mapped[PaymentState] = mapped_column(status_column(PaymentState, "payment_status"))
    price_cents: Mapped[int]
    """What the booking costs in all, frozen when the hold was made (promise 15)."""
    amount_paid_cents: Mapped[int] = mapped_column(default=0)
    owed_cents: Mapped[int] = mapped_column(default=0, server_default="0")
    """Asked for since and not paid yet: the difference of a move, or places added. It has an order of its own."""
    is_member: Mapped[bool] = mapped_column(default=False)
    """Whether the person was a member when the place was held: for the price and for members-first waitlists."""
    answers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    """What the session asked and what was answered, frozen by rules.questions: ``{key: {position, kind, question, answer}}``."""
    whatsapp_number: Mapped[str | None] = mapped_column(sa.String(20))
    """Where notices go besides, in E.164; kept only with the moment at which the person agreed to that."""
    whatsapp_agreed_at: Mapped[Moment | None]
    waitlisted_at: Mapped[Moment | None]
    applied_at: Mapped[Moment | None]
    """When it was applied for, where the committee chooses; null: nobody had to choose."""
    reserved_at: Mapped[Moment | None]
    """When it was put in reserve: the order in which places that come free are offered."""
    offered_at: Mapped[Moment | None]
    offer_expires_at: Mapped[Moment | None]
    replacement_wanted_at: Mapped[Moment | None]
    """Cancelled too late for a refund, "refund me if someone takes my place": when that was asked."""
    moved_at: Mapped[Moment | None]
    """When staff moved it to the session it is in now; null: it was made for that one."""
    checked_in_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment] = mapped_column(UtcDateTime(), default=clock.now, onupdate=clock.now)
