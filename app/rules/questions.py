"""What a session's own questions may be and which answers fit them. Called by the form, by the services and by whoever shows
answers.

An answer is frozen together with the words of its question, so that it can be read whatever becomes of the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .refusals import Refusal, words
from .statuses import QuestionKind

LONGEST_WORDS = 300
LONGEST_CHOICE = 200
LONGEST_TEXT = 1000
MOST_QUESTIONS = 20
MOST_CHOICES = 30
FIELD = "answer_"
"""A question's field in the form is this and its key."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it is asked. ``key`` names it within its session, and in the copies of that session."""

    key: str
    kind: QuestionKind
    words: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False

    @property
    def field(self) -> str:
        """The name of its field in the form."""
        return FIELD + self.key


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered, in the words in which they were asked. A tick box's ``value`` is True or False."""

    key: str
    question: str
    kind: QuestionKind
    value: str | bool


class AnswerRefused(Refusal):
    """An answer is missing or does not fit; at the field of its question."""

    def __init__(self, question: Question, text: str, **params: object) -> None:
        super().__init__(question=question.words, **params)
        self.text = text  # type: ignore[misc]
        self.field = question.field  # type: ignore[misc]


class AsksFirst(Refusal):
    """It asks something, and is wanted where nobody can be asked."""

    status = 409
    text = words("This session asks you something first. Register for it on its own page.")


def checked(question: Question, given: object) -> str | bool | None:
    """The answer as it is kept, None when there is none. Raises AnswerRefused with what to do."""
    if question.kind is QuestionKind.TICK:
        if question.required and given is not True:
            raise AnswerRefused(question, words("Tick the box to go on: “%(question)s”"))
        return given is True
    text = _clean(given)
    if not text:
        if question.required:
            choose, write = words("Choose an answer: “%(question)s”"), words("Answer this question: “%(question)s”")
            raise AnswerRefused(question, choose if question.kind is QuestionKind.CHOICE else write)
        return None
    if question.kind is QuestionKind.CHOICE and text not in question.choices:
        raise AnswerRefused(question, words("Choose one of the answers that there are: “%(question)s”"))
    if len(text) > LONGEST_TEXT:
        raise AnswerRefused(question, words("Answer in %(most)s characters or fewer: “%(question)s”"), most=LONGEST_TEXT)
    return text


def frozen(questions: Iterable[Question], given: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """What a registration keeps of the answers ``given`` by key. Raises AnswerRefused for the first that does not fit."""
    kept: dict[str, dict[str, Any]] = {}
    for position, question in enumerate(questions, start=1):
        value = checked(question, given.get(question.key))
        if value is not None:
            asked = {"position": position, "kind": question.kind.value, "question": question.words}
            kept[question.key] = {**asked, "answer": value}
    return kept


def answers(kept: Mapping[str, Any]) -> list[Answer]:
    """What a registration's ``answers`` hold, in the order in which it was asked."""
    rows = sorted(kept.items(), key=lambda item: (item[1]["position"], item[0]))
    return [Answer(key, row["question"], QuestionKind(row["kind"]), row["answer"]) for key, row in rows]


def _clean(given: object) -> str:
    """Text without what cannot be shown or stored; line breaks stay."""
    text = str(given or "").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c == "\n" or (c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF)).strip()
