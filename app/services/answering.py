"""Staff fill in what a session asks: when they add a booking, and later on the booking itself. Called by adding and by the desk.

Staff need not answer what people must: whoever rings up may not know yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..models import Registration
from ..queries import questions
from ..rules import questions as rules
from ..rules.questions import Question
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import QuestionKind
from ..transaction import retried, transaction
from . import audit, bookings


def asked_of_staff(db: Session, club_session_id: int, kept: Mapping[str, Any] | None = None) -> list[Question]:
    """What the session asks, none of it required. An answer ``kept`` that is no choice any more may stay. One statement."""
    return [_for_staff(question, kept or {}) for question in questions.of_session(db, club_session_id)]


def _for_staff(question: Question, kept: Mapping[str, Any]) -> Question:
    answer = kept.get(question.key, {}).get("answer")
    gone = question.kind is QuestionKind.CHOICE and isinstance(answer, str) and answer not in question.choices
    return replace(question, required=False, choices=(*question.choices, answer) if gone else question.choices)


def frozen(db: Session, club_session_id: int, given: Mapping[str, object] | None) -> dict[str, Any]:
    """What a booking that staff add keeps of the answers; nothing when nobody was asked. Raises AnswerRefused."""
    return rules.frozen(asked_of_staff(db, club_session_id), given) if given else {}


@retried
def edit(token: str, given: Mapping[str, object], reason: str, actor: str, *, once: str) -> bool:
    """Change what was answered; answers to what the session does not ask any more stay. False: this very form was sent before.

    Raises AnswerRefused at the question's field, InvalidInput without a reason.
    """
    with transaction() as db:
        registration = bookings.lock(db, token).registration
        if audit.done_before(db, "registration", registration.id, once):
            return False
        if not reason.strip():
            raise InvalidInput("reason", words("Enter a reason: it is kept on the record."))
        asked = asked_of_staff(db, registration.club_session_id, registration.answers)
        keys = {question.key for question in asked}
        others = {key: row for key, row in registration.answers.items() if key not in keys}
        answers = {**others, **rules.frozen(asked, given)}
        changed = _changed(asked, registration.answers, answers)
        db.execute(update(Registration).where(Registration.id == registration.id).values(answers=answers))
        audit.record(db, actor, "answers_changed", "registration", registration.id, reason=reason, answers=changed, once=once)
        return True


def _changed(asked: Sequence[Question], before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """To how many questions the answer is another now; what was answered stays off the record."""
    return sum(before.get(q.key, {}).get("answer") != after.get(q.key, {}).get("answer") for q in asked)
