"""Changes what a session asks of those who book: add, change, reorder, remove; copied with the session. Called by the desk.

Answers given before stay on their bookings in the words they were asked in. Nobody who has booked is asked again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Question
from ..rules.questions import LONGEST_CHOICE, LONGEST_WORDS, MOST_CHOICES, MOST_QUESTIONS
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..rules.statuses import QuestionKind, SessionStatus
from ..transaction import retried, transaction
from . import audit

_C, _Q = ClubSession, Question
KEY = re.compile(r"[a-z0-9]{8,16}")


class QuestionGone(Refusal):
    status = 409
    text = words("This question was removed meanwhile.")


@dataclass(frozen=True, slots=True)
class QuestionFields:
    """A question as the committee types it; ``choices`` count for a choice only."""

    kind: QuestionKind
    words: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False


@retried
def add(slug: str, key: str, fields: QuestionFields, actor: str) -> None:
    """Ask one more thing, last. ``key`` is the form's own: sent twice, it is added once. Raises InvalidInput."""
    if not KEY.fullmatch(key):
        raise InvalidInput(None, words("That is not possible."))
    values = _values(fields)
    with transaction() as db:
        club_session_id = _locked(db, slug)
        keys = db.execute(select(_Q.key).where(_Q.club_session_id == club_session_id)).scalars().all()
        if key in keys:
            return
        if len(keys) >= MOST_QUESTIONS:
            raise InvalidInput(None, words("A session asks no more than 20 questions. Remove one first."))
        last = db.execute(select(func.max(_Q.position)).where(_Q.club_session_id == club_session_id)).scalar_one()
        db.execute(insert(_Q).values(club_session_id=club_session_id, key=key, position=(last or 0) + 1, **values))
        audit.record(db, actor, "question_added", "club_session", club_session_id, question=fields.words)


@retried
def edit(slug: str, key: str, fields: QuestionFields, actor: str) -> None:
    """Ask it so from now on. Raises InvalidInput or QuestionGone."""
    values = _values(fields)
    with transaction() as db:
        row = _one(db, slug, key)
        before = {name: getattr(row, name) for name in values}
        changes = {name: value for name, value in values.items() if value != before[name]}
        if changes:
            db.execute(update(_Q).where(_Q.id == row.id).values(changes))
            detail = {name: [before[name], value] for name, value in changes.items()}
            audit.record(db, actor, "question_edited", "club_session", row.club_session_id, question=fields.words, **detail)


@retried
def move(slug: str, key: str, up: bool, actor: str) -> None:
    """Ask it one place earlier or later; nothing happens at the end of the list. Raises QuestionGone."""
    with transaction() as db:
        row = _one(db, slug, key)
        later, order = (_Q.position < row.position, _Q.position.desc()) if up else (_Q.position > row.position, _Q.position)
        beside = select(_Q.id, _Q.position).where(_Q.club_session_id == row.club_session_id, later).order_by(order).limit(1)
        other = db.execute(beside).first()
        if other is not None:
            db.execute(update(_Q).where(_Q.id == row.id).values(position=other.position))
            db.execute(update(_Q).where(_Q.id == other.id).values(position=row.position))
            audit.record(db, actor, "question_moved", "club_session", row.club_session_id, question=row.words, up=up)


@retried
def remove(slug: str, key: str, actor: str) -> None:
    """Ask it no more; what was answered stays. Raises QuestionGone."""
    with transaction() as db:
        row = _one(db, slug, key)
        db.execute(delete(_Q).where(_Q.id == row.id))
        audit.record(db, actor, "question_removed", "club_session", row.club_session_id, question=row.words)


@retried
def give_to_following(slug: str, actor: str) -> int:
    """Let the sessions of the series that come after this one ask just the same; how many there are. Raises SessionNotFound."""
    with transaction() as db:
        club_session_id = _locked(db, slug)
        followers = db.execute(_following(db, club_session_id).with_for_update(key_share=True)).scalars().all()
        for follower in followers:
            db.execute(delete(_Q).where(_Q.club_session_id == follower))
            copy(db, club_session_id, follower)
            audit.record(db, actor, "questions_copied", "club_session", follower, copied_from=slug)
        return len(followers)


def copy(db: Session, from_id: int, to_id: int) -> None:
    """Let another session ask the same, under the same keys, inside the caller's transaction."""
    names = ("key", "position", "kind", "words", "hint", "choices", "required")
    same = (getattr(_Q, name) for name in names)
    source = select(literal(to_id), *same, literal(clock.now(), _Q.created_at.type)).where(_Q.club_session_id == from_id)
    db.execute(insert(_Q).from_select(["club_session_id", *names, "created_at"], source))


def _following(db: Session, club_session_id: int) -> Any:
    """The sessions to come that follow this one in its series and can still be changed."""
    this = db.execute(select(_C.series, _C.starts_at).where(_C.id == club_session_id)).one()
    open_ones = or_(_C.status == SessionStatus.DRAFT, _C.status == SessionStatus.PUBLISHED)
    return select(_C.id).where(_C.series == this.series, _C.starts_at > max(this.starts_at, clock.now()), open_ones)


def _values(fields: QuestionFields) -> dict[str, Any]:
    """The row's values. Raises InvalidInput for what cannot be asked."""
    if not fields.words or len(fields.words) > LONGEST_WORDS:
        raise InvalidInput("words", words("Enter the question, in 300 characters or fewer"))
    if len(fields.hint) > LONGEST_WORDS:
        raise InvalidInput("hint", words("Enter a note of 300 characters or fewer"))
    choices = list(dict.fromkeys(fields.choices)) if fields.kind is QuestionKind.CHOICE else []
    if fields.kind is QuestionKind.CHOICE and not 2 <= len(choices) <= MOST_CHOICES:
        raise InvalidInput("choices", words("Enter from 2 to 30 answers to choose from, one on each line"))
    if any(len(choice) > LONGEST_CHOICE for choice in choices):
        raise InvalidInput("choices", words("Enter answers of 200 characters or fewer"))
    return {
        "kind": fields.kind, "words": fields.words, "hint": fields.hint, "choices": choices, "required": fields.required,
    }  # fmt: skip


def _locked(db: Session, slug: str) -> int:
    club_session_id = db.execute(select(_C.id).where(_C.slug == slug).with_for_update(key_share=True)).scalar_one_or_none()
    if club_session_id is None:
        raise SessionNotFound
    return club_session_id


def _one(db: Session, slug: str, key: str) -> Any:
    """The question, with its session's row locked."""
    columns = (_Q.id, _Q.club_session_id, _Q.position, _Q.kind, _Q.words, _Q.hint, _Q.choices, _Q.required)
    wanted = select(*columns).where(_Q.club_session_id == _locked(db, slug), _Q.key == key)
    row = db.execute(wanted).first()
    if row is None:
        raise QuestionGone
    return row
