"""A person asked for the books to be compared with Stripe's, and the worker does it. Written by services.comparing, read by the
desk.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import ComparisonOutcome
from .columns import CreatedAt, Id, Moment, status_column


class ComparisonRequest(Base):
    """Wanted until ``finished_at``; ``claimed_at`` is when a worker took it on."""

    __tablename__ = "comparison_requests"

    id: Mapped[Id]
    actor: Mapped[str] = mapped_column(sa.String(120))
    claimed_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    outcome: Mapped[ComparisonOutcome | None] = mapped_column(status_column(ComparisonOutcome, "outcome"))
    created_at: Mapped[CreatedAt]
