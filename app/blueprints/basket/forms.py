"""The shape of filling and checking out a basket. The basket's views make it; whether it may be had, the services decide."""

from __future__ import annotations

import re
import secrets
import unicodedata

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovTextInput
from wtforms import HiddenField, IntegerField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from ...rules.addresses import normalise_email
from ..typed_codes import code_field

ATTEMPT = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST = 50


def fresh_attempt() -> str:
    """A key for one form; the same form sent twice makes one order."""
    return secrets.token_urlsafe(18)


def _strip(text: str | None) -> str | None:
    return text.strip() if text else text


class AddForm(FlaskForm):
    """How many of one thing."""

    quantity = IntegerField(
        _("How many"), default=1, widget=GovInput(input_type="number"), render_kw={"inputmode": "numeric", "min": "1"}
    )

    def validate_quantity(self, field: IntegerField) -> None:
        """Words and digits alike get the same instruction."""
        field.errors = []
        if field.data is None or not 1 <= field.data <= MOST:
            raise ValidationError(_("Enter a number from 1 to %(max)s", max=MOST))


class CheckoutForm(FlaskForm):
    """For somebody signed in: everything is known but what they saw."""

    expected_total_cents = IntegerField(widget=HiddenInput(), validators=[Optional()])
    attempt = HiddenField(default=fresh_attempt)
    code = code_field()

    def validate_expected_total_cents(self, field: IntegerField) -> None:
        """What is no number is no expectation: the service asks again with the price."""
        if field.data is None:
            field.errors = []

    def validate_attempt(self, field: HiddenField) -> None:
        """What is no key of ours is no attempt either: it gets a fresh one."""
        if not ATTEMPT.fullmatch(field.data or ""):
            field.data = fresh_attempt()


class GuestForm(CheckoutForm):
    """For somebody without an account. A valid ``email.data`` is in the normal form that is stored (lower case)."""

    name = StringField(
        _("Your name"),
        filters=[_strip],
        validators=[
            InputRequired(_("Enter your name")),
            Length(max=200, message=_("Enter a name of %(max)d characters or fewer")),
        ],
        widget=GovTextInput(),
        render_kw={"autocomplete": "name"},
    )
    email = StringField(
        _("E-mail address"),
        description=_("We send what you buy and its links here."),
        filters=[_strip],
        validators=[InputRequired(_("Enter your e-mail address"))],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "email", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
    )

    def validate_name(self, field: StringField) -> None:
        """A name is one line of text that can be printed and mailed."""
        if any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in field.data or ""):
            raise ValidationError(_("Enter your name on one line, in letters"))

    def validate_email(self, field: StringField) -> None:
        """Exactly one address; it is written back as it will be stored."""
        address = normalise_email(field.data or "")
        if address is None:
            raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
        field.data = address
