"""What the desk asks for when it copies or repeats a session. Called by the session actions; the services decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovTextArea
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Optional, ValidationError

from ...rules.refusals import Refusal
from ...rules.statuses import SessionStatus
from ...services.repeating import Wish
from ...templating import refusal_text
from ..fields import DAYS, DayField, WholeNumberField, radios

LONGEST_LIST = 4000
NOT_TYPED = ("csrf_token", "confirm", "change")


def typed_again() -> list[tuple[str, str]]:
    """Everything typed, for the page that asks once more to send it again."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in NOT_TYPED]


class ActionForm(FlaskForm):
    """A form whose service may say no, at a field or above the form."""

    refused: Refusal | None = None

    @property
    def http_status(self) -> int:
        """What the page that shows this form answers: a refusal's own status, 422 for mistakes, else 200."""
        return self.refused.status if self.refused is not None else 422 if self.errors else 200

    def refuse(self, refusal: Refusal) -> None:
        """Show why the service said no."""
        self.refused = refusal
        if refusal.field is not None:
            self[refusal.field].errors = [refusal_text(refusal)]


class DuplicateForm(ActionForm):
    """The day of the copy."""

    on = DayField(_("Date of the copy"), validators=[InputRequired(_("Enter the date of the copy"))])


class RepeatForm(ActionForm):
    """How often, until when, and when not. ``wish`` reads it."""

    weeks = WholeNumberField(_("For how many weeks"), lowest=1, description=_("Like 10. Or leave it empty and enter a date."))
    until = DayField(_("Or until: date"), description=_("The last day on which there may be a session."))
    skip = TextAreaField(
        _("Dates to leave out"),
        description=_("Holidays, for example. One on each line, like 25/12/2026. Empty: none."),
        validators=[Optional()],
        widget=GovTextArea(),
    )
    status = radios(_("Who can see the new sessions"), [
        (SessionStatus.DRAFT, _("Only the committee: they are drafts")),
        (SessionStatus.PUBLISHED, _("Everybody: they are published")),
    ])  # fmt: skip

    def validate_skip(self, field: Any) -> None:
        """Say which date cannot be read."""
        if len(field.data or "") > LONGEST_LIST:
            raise ValidationError(gettext("Enter no more than %(most)s characters", most=LONGEST_LIST))
        for text in _pieces(field.data):
            if _day(text) is None:
                raise ValidationError(gettext("Enter dates like 25/12/2026, one on each line: “%(text)s” is none", text=text))

    @property
    def wish(self) -> Wish:
        """What was asked for; after a ``validate`` that found nothing wrong."""
        skip = frozenset(on for text in _pieces(self.skip.data) if (on := _day(text)) is not None)
        return Wish(self.weeks.data, self.until.data, skip, SessionStatus(self.status.data))


def _pieces(text: str | None) -> Iterator[str]:
    return (piece.strip() for piece in re.split(r"[\n,;]", text or "") if piece.strip())


def _day(text: str) -> date | None:
    for pattern in DAYS:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None
