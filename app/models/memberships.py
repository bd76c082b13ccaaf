"""What a club's members bought: plans on offer and each person's span. Read by pricing; buying is the memberships service's."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Currency, Id, Moment


class MembershipPlan(Base):
    __tablename__ = "membership_plans"
    __table_args__ = (
        sa.CheckConstraint("price_cents >= 0 AND (student_price_cents IS NULL OR student_price_cents >= 0)", name="prices"),
        sa.CheckConstraint("(length_months IS NULL) <> (fixed_end_on IS NULL)", name="length_or_end"),
    )

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    price_cents: Mapped[int]
    student_price_cents: Mapped[int | None]
    currency: Mapped[Currency]
    length_months: Mapped[int | None]
    fixed_end_on: Mapped[date | None]
    on_sale_from: Mapped[Moment | None]
    on_sale_until: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]


class Membership(Base):
    """One person's span, both dates included, in the club's own zone."""

    __tablename__ = "memberships"
    __table_args__ = (
        sa.CheckConstraint("ends_on >= starts_on", name="span"),
        sa.Index("ix_memberships_user_id_ends_on", "user_id", "ends_on"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    plan_id: Mapped[int | None] = mapped_column(sa.ForeignKey("membership_plans.id"))
    order_item_id: Mapped[int | None] = mapped_column(sa.ForeignKey("order_items.id"), unique=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    revoked_at: Mapped[Moment | None]
    reminded_days: Mapped[int | None]
    """How many days before the end the last reminder was meant for (30, then 7); null: none was owed yet."""
    created_at: Mapped[CreatedAt]


class MembershipPurchase(Base):
    """What a membership's line of an order is for, from the order on; the span itself begins when it is paid."""

    __tablename__ = "membership_purchases"

    order_item_id: Mapped[int] = mapped_column(sa.ForeignKey("order_items.id"), primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(sa.ForeignKey("membership_plans.id"))
    is_student: Mapped[bool] = mapped_column(default=False)
    """Sold at the student price."""
