"""The shape of a session's question as the committee types it. Called by the questions' views; the service decides."""

from __future__ import annotations

import secrets
from typing import Any

from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovTextArea, GovTextInput
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from ...rules.questions import Question
from ...rules.statuses import QuestionKind
from ...services.questions import KEY, QuestionFields
from ..fields import radios
from .session_action_forms import ActionForm


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


class QuestionForm(ActionForm):
    """One question. ``key`` is made with a new form and becomes the question's, so that two clicks add one."""

    words = StringField(
        _("Question"),
        description=_("As people read it: “Which class are you in?” or, beside a box to tick, “I can take others in my car”."),
        filters=[_line],
        widget=GovTextInput(),
    )
    hint = StringField(_("A note under it, if it needs one"), filters=[_line], widget=GovTextInput())
    kind = radios(_("How it is answered"), [
        (QuestionKind.TEXT, _("In their own words")),
        (QuestionKind.CHOICE, _("By choosing one of several answers")),
        (QuestionKind.TICK, _("By ticking a box")),
    ])  # fmt: skip
    choices = TextAreaField(
        _("Answers to choose from"), description=_("For a choice only: one on each line."), widget=GovTextArea()
    )
    required = BooleanField(
        _("Nobody can book without answering it, or without ticking the box"), widget=GovCheckboxInput()
    )
    key = HiddenField(default=lambda: secrets.token_hex(4))

    @classmethod
    def of(cls, question: Question) -> QuestionForm:
        """The form filled in with a question as it is."""
        values: dict[str, Any] = {"words": question.words, "hint": question.hint, "required": question.required}
        return cls(**values, kind=question.kind.value, choices="\n".join(question.choices), key=question.key)

    def validate_key(self, field: HiddenField) -> None:
        """What is no key of ours gets a fresh one."""
        if not KEY.fullmatch(field.data or ""):
            field.data = secrets.token_hex(4)

    @property
    def fields(self) -> QuestionFields:
        """What the service is asked for."""
        choices = tuple(text for line in (self.choices.data or "").splitlines() if (text := _line(line)))
        kind = QuestionKind(self.kind.data)
        return QuestionFields(kind, self.words.data, self.hint.data, choices, bool(self.required.data))
