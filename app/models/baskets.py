"""What somebody means to buy, line by line, until it is paid for. Written by services.baskets; nothing is kept for a basket."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from .. import clock
from ..extensions import Base
from ..rules.statuses import ItemKind
from .columns import CreatedAt, Id, Moment, Token, UtcDateTime, status_column


class Basket(Base):
    __tablename__ = "baskets"
    __table_args__ = (sa.Index("ix_baskets_used_at", "used_at"),)

    id: Mapped[Id]
    token: Mapped[Token]
    """What the browser's cookie carries."""
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"))
    """The order that it was last checked out as."""
    code: Mapped[str | None] = mapped_column(sa.String(40))
    """The code that it is to be paid with, as it was typed and found right then; counted with the order alone."""
    used_at: Mapped[Moment] = mapped_column(UtcDateTime(), default=clock.now)
    """When something was last added, changed or checked out: it is forgotten some days after that."""
    created_at: Mapped[CreatedAt]


class BasketItem(Base):
    __tablename__ = "basket_items"
    __table_args__ = (
        sa.CheckConstraint("quantity >= 1", name="quantity"),
        sa.UniqueConstraint("basket_id", "kind", "slug"),
    )

    id: Mapped[Id]
    basket_id: Mapped[int] = mapped_column(sa.ForeignKey("baskets.id", ondelete="CASCADE"))
    kind: Mapped[ItemKind] = mapped_column(status_column(ItemKind, "kind"))
    slug: Mapped[str] = mapped_column(sa.String(80))
    title: Mapped[str] = mapped_column(sa.String(300))
    """What it was called when it was added: for when it is gone."""
    quantity: Mapped[int] = mapped_column(default=1)
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    """The order that holds this very line, unchanged: when that is paid, the line goes."""
