"""Something a person must decide: money that fits no order, mail that cannot be delivered. Shown on the staff's desk until
closed.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Json, Moment


class Case(Base):
    __tablename__ = "cases"

    id: Mapped[Id]
    dedupe_key: Mapped[str] = mapped_column(sa.String(160), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(60))
    order_id: Mapped[int | None] = mapped_column(sa.ForeignKey("orders.id"), index=True)
    payment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("payments.id"), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[CreatedAt]
    closed_at: Mapped[Moment | None]
    resolution: Mapped[str | None] = mapped_column(sa.Text)
