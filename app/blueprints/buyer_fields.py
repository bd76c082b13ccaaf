"""What every form has that sells something: the one-time key, what the page showed, and who buys. Called by the parts' forms.

Each part adds what it asks besides and says in its own words what the address is for.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Any

from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovTextInput
from wtforms import HiddenField, IntegerField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from ..rules.addresses import normalise_email
from .fields import MOST

NAME_MAX = 200
ATTEMPT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def fresh_attempt() -> str:
    """A key for one form; the same form sent twice makes one order."""
    return secrets.token_urlsafe(18)


class ExpectedField(IntegerField):
    """What the page showed, in minor units. What is no number is no expectation: nobody can mend a hidden field, and the service
    asks again with the price."""

    widget = HiddenInput()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[Optional()], **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """A number beyond every price becomes the nearest that can be shown: no price is that either, so we ask again."""
        super().process_formdata(valuelist)
        if self.data is not None:
            self.data = max(-MOST, min(self.data, MOST))

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Forget what was wrong with it."""
        if self.data is None:
            self.errors = []


class AttemptField(HiddenField):
    """The form's one-time key. What is no key of ours is no attempt either: it becomes a fresh one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default=fresh_attempt, **kwargs)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Make the fresh one."""
        if not ATTEMPT.fullmatch(self.data or ""):
            self.data = fresh_attempt()


def name_field() -> StringField:
    """The name of who buys: one line of text that can be printed and mailed."""
    return StringField(
        _("Your name"),
        filters=[_strip],
        validators=[
            InputRequired(_("Enter your name")),
            Length(max=NAME_MAX, message=_("Enter a name of %(max)d characters or fewer")),
            _on_one_line,
        ],
        widget=GovTextInput(),
        render_kw={"autocomplete": "name"},
    )


def email_field(description: Any) -> StringField:
    """The address of who buys; valid ``data`` is in the normal form that is stored (lower case)."""
    return StringField(
        _("E-mail address"),
        description=description,
        filters=[_strip],
        validators=[InputRequired(_("Enter your e-mail address")), _one_address],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "email", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
    )


def _strip(text: str | None) -> str | None:
    return text.strip() if text else text


def _on_one_line(_form: Any, field: StringField) -> None:
    if not field.data:
        raise ValidationError(_("Enter your name"))
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in field.data):
        raise ValidationError(_("Enter your name on one line, in letters"))


def _one_address(_form: Any, field: StringField) -> None:
    address = normalise_email(field.data or "")
    if address is None:
        raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
    field.data = address
