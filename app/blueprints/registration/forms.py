"""The shape of a booking as a visitor types it. The registration views make it; whether it may be had, the services decide."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovInput, GovRadioInput, GovTextInput
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from ...rules.addresses import normalise_email
from ...rules.questions import Question
from ...rules.statuses import Entry
from ..typed_codes import code_field

NAME_MAX = 200
ATTEMPT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _fresh_attempt() -> str:
    return secrets.token_urlsafe(18)


def _strip(text: str | None) -> str | None:
    return text.strip() if text else text


class RegistrationForm(FlaskForm):
    """Who wants how many places. ``max_places`` is the session's; ``attempt`` is made afresh unless the page sent one.

    A valid ``email.data`` is in the normal form that is stored (lower case). The labels of the buttons are in the templates.
    """

    name = StringField(
        _("Your name"),
        filters=[_strip],
        validators=[
            InputRequired(_("Enter your name")),
            Length(max=NAME_MAX, message=_("Enter a name of %(max)d characters or fewer")),
        ],
        widget=GovTextInput(),
        render_kw={"autocomplete": "name"},
    )
    email = StringField(
        _("E-mail address"),
        description=_("We send your confirmation and the link to your booking here."),
        filters=[_strip],
        validators=[InputRequired(_("Enter your e-mail address"))],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "email", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
    )
    places = IntegerField(
        _("Number of places"),
        default=1,
        widget=GovInput(input_type="number"),
        render_kw={"inputmode": "numeric", "min": "1"},
    )
    accept_waitlist = BooleanField(_("Put me on the waitlist if the places go before I am done"), widget=GovCheckboxInput())
    expected_price_cents = IntegerField(widget=HiddenInput(), validators=[Optional()])
    expected_total_cents = IntegerField(widget=HiddenInput(), validators=[Optional()])
    join_plan = RadioField(
        _("Join the club as well?"), default="", choices=[], validators=[Optional()], widget=GovRadioInput()
    )
    code = code_field()
    asked = HiddenField()
    """Whether the page offered to register or to apply."""
    attempt = HiddenField(default=_fresh_attempt)
    questions: ClassVar[tuple[Question, ...]] = ()
    """What the session asks besides; `asking.form_class` adds a field for each."""

    def __init__(self, *args: Any, max_places: int = 1, **kwargs: Any) -> None:
        self.max_places = max_places
        super().__init__(*args, **kwargs)

    def validate_name(self, field: StringField) -> None:
        """A name is one line of text that can be printed and mailed."""
        if not field.data:
            raise ValidationError(_("Enter your name"))
        if any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in field.data):
            raise ValidationError(_("Enter your name on one line, in letters"))

    def validate_email(self, field: StringField) -> None:
        """Exactly one address; it is written back as it will be stored."""
        address = normalise_email(field.data or "")
        if address is None:
            raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
        field.data = address

    def validate_expected_price_cents(self, field: IntegerField) -> None:
        """What is no number is no expectation: the visitor cannot mend a hidden field, the service asks again with the price."""
        if field.data is None:
            field.errors = []

    def validate_expected_total_cents(self, field: IntegerField) -> None:
        """The same."""
        if field.data is None:
            field.errors = []

    def validate_attempt(self, field: HiddenField) -> None:
        """What is no key of ours is no attempt either: it gets a fresh one."""
        if not ATTEMPT.fullmatch(field.data or ""):
            field.data = _fresh_attempt()

    @property
    def entry(self) -> Entry | None:
        """What the page offered, if it said."""
        return Entry(self.asked.data) if self.asked.data in set(Entry) else None

    def validate_places(self, field: IntegerField) -> None:
        """From 1 to ``max_places``; words and digits alike get the same instruction."""
        field.errors = []
        if field.data is None or not 1 <= field.data <= self.max_places:
            raise ValidationError(
                _("This session takes one place a booking. Enter 1")
                if self.max_places == 1
                else _("Enter a number of places from 1 to %(max)s", max=self.max_places)
            )
