"""Codes that take something off a price, and each order that used one. ``uses`` has one writer: services.vouchers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import ItemKind
from ..rules.vouchers import VoucherKind, VoucherScope
from .columns import CreatedAt, Id, Moment, status_column


class Voucher(Base):
    __tablename__ = "vouchers"
    __table_args__ = (
        sa.CheckConstraint("code = upper(code)", name="code_upper_case"),
        sa.CheckConstraint("uses >= 0 AND (max_uses IS NULL OR uses <= max_uses)", name="uses"),
        sa.CheckConstraint(
            "(max_uses IS NULL OR max_uses >= 1) AND (max_uses_each IS NULL OR max_uses_each >= 1)", name="limits"
        ),
        sa.CheckConstraint(
            "(kind = 'percentage') = (percent IS NOT NULL) AND COALESCE(percent, 1) BETWEEN 1 AND 100", name="percent"
        ),
        sa.CheckConstraint(
            "(kind = 'amount') = (amount_cents IS NOT NULL) AND (amount_cents IS NULL) = (currency IS NULL)"
            " AND COALESCE(amount_cents, 1) > 0",
            name="amount",
        ),
        sa.CheckConstraint(
            "(scope = 'kind') = (item_kind IS NOT NULL) AND (scope = 'session') = (club_session_id IS NOT NULL)",
            name="scope_named",
        ),
    )  # fmt: skip

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)
    kind: Mapped[VoucherKind] = mapped_column(status_column(VoucherKind, "kind"))
    percent: Mapped[int | None]
    amount_cents: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    scope: Mapped[VoucherScope] = mapped_column(status_column(VoucherScope, "scope"), default=VoucherScope.EVERYTHING)
    item_kind: Mapped[ItemKind | None] = mapped_column(status_column(ItemKind, "item_kind"))
    club_session_id: Mapped[int | None] = mapped_column(sa.ForeignKey("club_sessions.id"), index=True)
    starts_at: Mapped[Moment | None]
    ends_at: Mapped[Moment | None]
    members_only: Mapped[bool] = mapped_column(default=False)
    max_uses: Mapped[int | None]
    max_uses_each: Mapped[int | None]
    """By one e-mail address."""
    uses: Mapped[int] = mapped_column(default=0)
    """Orders that use it and did not end unpaid: Σ voucher_uses that were not returned."""
    created_at: Mapped[CreatedAt]


class VoucherUse(Base):
    """One order that used a code. Whose it was is the order's to say."""

    __tablename__ = "voucher_uses"
    __table_args__ = (sa.CheckConstraint("saved_cents > 0", name="saved"),)

    id: Mapped[Id]
    voucher_id: Mapped[int] = mapped_column(sa.ForeignKey("vouchers.id"), index=True)
    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), unique=True)
    saved_cents: Mapped[int]
    """What the order cost less for it, frozen."""
    returned_at: Mapped[Moment | None]
    """When the order ended unpaid and gave the use back."""
    created_at: Mapped[CreatedAt]
