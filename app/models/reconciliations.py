"""Each comparison of the books with Stripe: when, and whether they were equal. Written by services.reconciling, read by the
desk.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from .columns import CreatedAt, Id, Json


class Reconciliation(Base):
    """Stripe's balance movements and our clearing account, over everything that is ours in the site's currency.

    ``difference_cents`` is the largest difference in any currency: 0 only when all are equal.
    """

    __tablename__ = "reconciliations"

    id: Mapped[Id]
    stripe_cents: Mapped[int] = mapped_column(sa.BigInteger)
    ledger_cents: Mapped[int] = mapped_column(sa.BigInteger)
    difference_cents: Mapped[int] = mapped_column(sa.BigInteger)
    open_cases: Mapped[int]
    mended: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[CreatedAt]
