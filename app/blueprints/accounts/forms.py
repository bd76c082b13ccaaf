"""The shape of signing in. The accounts views make it; whether the password is right, the service decides."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovPasswordInput
from wtforms import HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from ...rules.addresses import normalise_email

PASSWORD_MAX = 1024
"""Longer is refused before it is hashed: hashing costs in proportion."""


class SignInForm(FlaskForm):
    """E-mail address and password; ``next`` is where to go afterwards, checked by the view."""

    email = StringField(
        _("E-mail address"),
        filters=[lambda text: text.strip() if text else text],
        validators=[InputRequired(_("Enter your e-mail address"))],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "username", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
    )
    password = PasswordField(
        _("Password"),
        validators=[InputRequired(_("Enter your password")), Length(max=PASSWORD_MAX, message=_("Enter a shorter password"))],
        widget=GovPasswordInput(),
    )
    next = HiddenField()

    def validate_email(self, field: StringField) -> None:
        """Exactly one address; it is written back in the lower case in which users are stored."""
        address = normalise_email(field.data or "")
        if address is None:
            raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
        field.data = address
