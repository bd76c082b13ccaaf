"""A session's own questions: which answers fit, what is kept of them, and that it can always be read."""

from __future__ import annotations

import pytest

from app.rules.questions import LONGEST_TEXT, AnswerRefused, Question, answers, checked, frozen
from app.rules.statuses import QuestionKind

LEVEL = Question("level001", QuestionKind.CHOICE, "Your level", choices=("Beginner", "Advanced"), required=True)
DIET = Question("diet0001", QuestionKind.TEXT, "What do you not eat?")
RULES = Question("rules001", QuestionKind.TICK, "I know the rules", required=True)
CAR = Question("car00001", QuestionKind.TICK, "I have a car")


@pytest.mark.parametrize(
    ("question", "given", "kept"),
    [
        (LEVEL, "Beginner", "Beginner"), (DIET, "  nuts\r\nfish ", "nuts\nfish"), (DIET, "", None), (DIET, None, None),
        (DIET, "a\x00b\x1b\ud800", "ab"), (RULES, True, True), (CAR, True, True), (CAR, False, False), (CAR, None, False),
    ],
)  # fmt: skip
def test_an_answer_that_fits_is_kept_as_it_was_given(question: Question, given: object, kept: object) -> None:
    assert checked(question, given) == kept


@pytest.mark.parametrize(
    ("question", "given", "words"),
    [
        (LEVEL, "", "Choose an answer: “%(question)s”"),
        (LEVEL, "Expert", "Choose one of the answers that there are: “%(question)s”"),
        (RULES, False, "Tick the box to go on: “%(question)s”"), (RULES, "y", "Tick the box to go on: “%(question)s”"),
        (DIET, "x" * (LONGEST_TEXT + 1), "Answer in %(most)s characters or fewer: “%(question)s”"),
        (Question("q1234567", QuestionKind.TEXT, "Why?", required=True), " \n ", "Answer this question: “%(question)s”"),
    ],
)  # fmt: skip
def test_one_that_does_not_is_refused_at_its_field_with_what_to_do(question: Question, given: object, words: str) -> None:
    with pytest.raises(AnswerRefused) as refused:
        checked(question, given)
    assert (refused.value.text, refused.value.field) == (words, f"answer_{question.key}")
    assert refused.value.params["question"] == question.words


def test_answers_are_frozen_in_the_words_and_the_order_of_the_questions() -> None:
    kept = frozen([RULES, DIET, CAR, LEVEL], {"level001": "Advanced", "rules001": True, "strange1": "not asked"})
    assert [(a.question, a.value) for a in answers(kept)] == [
        ("I know the rules", True), ("I have a car", False), ("Your level", "Advanced"),
    ]  # fmt: skip
    assert "diet0001" not in kept and answers({}) == []
