"""A session's own questions in a form: a field for each, and the answers as the service takes them. Called by the views that take
bookings, and by the desk's that add them and mend their answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovRadioInput, GovTextArea
from wtforms import BooleanField, Field, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from ..queries.questions import answer_words
from ..rules.questions import AnswerRefused, Question, checked
from ..rules.statuses import QuestionKind
from ..templating import refusal_text

F = TypeVar("F", bound=FlaskForm)


def form_class(form: type[F], questions: Sequence[Question]) -> type[F]:
    """The form with these questions at its end; the form itself where there are none."""
    fields: dict[str, Any] = {question.field: _field(question) for question in questions}
    checks = {f"validate_{question.field}": _check(question) for question in questions}
    if not fields:
        return form
    return type("AskingForm", (form,), {**fields, **checks, "questions": tuple(questions)})


def given(form: Any) -> dict[str, object]:
    """What was answered, by the key of the question."""
    return {question.key: form[question.field].data for question in form.questions}


def answered(form: Any) -> list[tuple[str, str]]:
    """(question, answer) in words, for the page that shows everything once more; what is not answered is left out."""
    kept = ((question, checked(question, form[question.field].data)) for question in form.questions)
    return [(question.words, answer_words(value)) for question, value in kept if value is not None]


def sent_again(form: Any) -> list[tuple[str, str]]:
    """(field, value) of each answer, for the form that sends them once more."""
    values = ((question.field, form[question.field].data) for question in form.questions)
    return [(name, "y" if value is True else str(value)) for name, value in values if value]


def _field(question: Question) -> Any:
    """Whether it is answered, and how, is checked by the rule alone: here for the form, and again by the service."""
    label = question.words if question.required else _("%(question)s (optional)", question=question.words)
    options: dict[str, Any] = {"description": question.hint}
    match question.kind:
        case QuestionKind.TICK:
            return BooleanField(question.words, widget=GovCheckboxInput(), **options)
        case QuestionKind.CHOICE:
            offered = [(choice, choice) for choice in question.choices] + ([] if question.required else [("", _("No answer"))])
            choices = [SelectChoice(value=value, label=words) for value, words in offered]
            options |= {"choices": choices, "default": "", "validate_choice": False, "widget": GovRadioInput()}
            return RadioField(label, **options)
    return TextAreaField(label, widget=GovTextArea(), **options)


def _check(question: Question) -> Any:
    def check(_form: FlaskForm, field: Field) -> None:
        try:
            checked(question, field.data)
        except AnswerRefused as refusal:
            raise ValidationError(refusal_text(refusal)) from None

    return check
