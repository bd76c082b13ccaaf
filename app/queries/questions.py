"""What a session asks, and what was answered. Called by the booking form, the services, the desk and whoever exports answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, bindparam, case, exists, func, select
from sqlalchemy.orm import Session

from ..extensions import db as flask_db
from ..models import ClubSession, Registration
from ..models import Question as QuestionRow
from ..rules import questions as rules
from ..rules.questions import Question
from ..rules.statuses import ACTIVE

_Q = QuestionRow
COLUMNS = (_Q.key, _Q.kind, _Q.words, _Q.hint, _Q.choices, _Q.required)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the desk sees it: with how many bookings have answered it."""

    question: Question
    answered: int


def of_session(db: Session, club_session_id: int) -> list[Question]:
    """What a session asks, in order. One statement; called inside services' transactions too."""
    return [_question(row) for row in db.execute(_OF_SESSION, {"club_session_id": club_session_id})]


def asked_by(slug: str) -> list[Question]:
    """The same by the session's slug."""
    return [_question(row) for row in flask_db.session.execute(_ASKED_BY, {"slug": slug})]


_IN_ORDER = select(*COLUMNS).order_by(_Q.position, _Q.id)
_OF_SESSION = _IN_ORDER.where(_Q.club_session_id == bindparam("club_session_id"))
_ASKED_BY = _IN_ORDER.join(ClubSession, ClubSession.id == _Q.club_session_id).where(ClubSession.slug == bindparam("slug"))
ANY = exists().where(_Q.club_session_id == ClubSession.id)
"""SQL: whether the session of the row asks anything."""


def for_desk(slug: str) -> tuple[list[Asked], int]:
    """What a session asks with how many have answered each, and how many bookings there are. Two statements."""
    questions = asked_by(slug)
    counts = [func.sum(case((_answer_to(question.key).is_not(None), 1), else_=0)) for question in questions]
    live = func.sum(case((Registration.status.in_(ACTIVE), 1), else_=0))
    statement = select(live, *counts).join(ClubSession, ClubSession.id == Registration.club_session_id)
    row = flask_db.session.execute(statement.where(ClubSession.slug == slug)).one()
    return [Asked(question, int(row[n] or 0)) for n, question in enumerate(questions, start=1)], int(row[0] or 0)


def answer_rows(kept: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A registration's ``answers`` as (question, answer) in words, in the order asked: for pages and exports."""
    return [(answer.question, answer_words(answer.value)) for answer in rules.answers(kept)]


def answer_columns(every: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The questions that any of these registrations' ``answers`` answer: key → words, for the columns of an export.

    A question whose words were changed, or that copies of a session ask too, is one column under its newest words.
    """
    found: dict[str, tuple[int, str]] = {}
    for kept in every:
        for key, row in kept.items():
            found[key] = (row["position"], row["question"])
    return {key: found[key][1] for key in sorted(found, key=lambda key: (found[key][0], key))}


def answers_in(kept: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """One registration's answers in the order of ``answer_columns``; empty where it has none."""
    given = {answer.key: answer_words(answer.value) for answer in rules.answers(kept)}
    return [given.get(key, "") for key in columns]


def answer_words(value: str | bool) -> str:
    """An answer in words: a tick box is "Yes" or "No"."""
    return str((_("Yes") if value else _("No")) if isinstance(value, bool) else value)


def _answer_to(key: str) -> Any:
    return Registration.answers[(key, "question")].as_string()


def _question(row: Row[Any]) -> Question:
    return Question(row.key, row.kind, row.words, row.hint, tuple(row.choices), row.required)


def find(asked: Sequence[Asked], key: str) -> Asked | None:
    """The one with this key."""
    return next((one for one in asked if one.question.key == key), None)
