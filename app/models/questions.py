"""What a club session asks of whoever books. Answers are frozen in ``registrations.answers`` and outlive the question."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base
from ..rules.statuses import QuestionKind
from .columns import CreatedAt, Id, Json, status_column


class Question(Base):
    __tablename__ = "questions"
    __table_args__ = (sa.UniqueConstraint("club_session_id", "key", name="uq_questions_club_session_id_key"),)

    id: Mapped[Id]
    club_session_id: Mapped[int] = mapped_column(sa.ForeignKey("club_sessions.id"))
    key: Mapped[str] = mapped_column(sa.String(16))
    """Its name in forms and answers; a copy of the session asks the same question under the same one."""
    position: Mapped[int]
    kind: Mapped[QuestionKind] = mapped_column(status_column(QuestionKind, "kind"))
    words: Mapped[str] = mapped_column(sa.String(300))
    hint: Mapped[str] = mapped_column(sa.String(300), default="")
    choices: Mapped[list[str]] = mapped_column(Json, default=list)
    required: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]
