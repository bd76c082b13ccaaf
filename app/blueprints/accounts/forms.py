"""The shapes of what people type about their accounts. The accounts views make them; whether it is right, the services decide."""

from __future__ import annotations

import unicodedata
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovInput, GovPasswordInput, GovTextInput
from wtforms import BooleanField, HiddenField, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from ...rules.addresses import normalise_email
from ...rules.refusals import Refusal
from ...templating import refusal_text

PASSWORD_MAX = 1024
"""Longer is refused before it is hashed: hashing costs in proportion."""
SHORTEST, LONGEST = 10, 200


def _strip(text: str | None) -> str | None:
    return text.strip() if text else text


def _email(autocomplete: str, **kwargs: Any) -> StringField:
    return StringField(
        _("E-mail address"),
        filters=[_strip],
        validators=[InputRequired(_("Enter your e-mail address"))],
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": autocomplete, "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"},
        **kwargs,
    )


def _new_password() -> PasswordField:
    return PasswordField(
        _("New password"),
        description=_("At least 10 characters. A few words are easier to remember than signs."),
        validators=[
            InputRequired(_("Choose a password")),
            Length(min=SHORTEST, max=LONGEST, message=_("Choose a password of 10 to 200 characters")),
        ],
        widget=GovPasswordInput(),
    )


def _current_password(label: Any) -> PasswordField:
    return PasswordField(
        label,
        validators=[InputRequired(_("Enter your password")), Length(max=PASSWORD_MAX, message=_("Enter a shorter password"))],
        widget=GovPasswordInput(),
    )


def _name() -> StringField:
    return StringField(
        _("Your name"),
        filters=[_strip],
        validators=[InputRequired(_("Enter your name")), Length(max=200, message=_("Enter a name of 200 characters or fewer"))],
        widget=GovTextInput(),
        render_kw={"autocomplete": "name"},
    )


class AccountForm(FlaskForm):
    """What the forms here share: one address is one address, a name is one line, a refusal belongs to its field."""

    def validate_email(self, field: StringField) -> None:
        """Exactly one address; it is written back in the lower case in which users are stored."""
        address = normalise_email(field.data or "")
        if address is None:
            raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
        field.data = address

    def validate_name(self, field: StringField) -> None:
        if any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in field.data or ""):
            raise ValidationError(_("Enter your name on one line, in letters"))

    def refuse(self, refusal: Refusal) -> Refusal | None:
        """Put the refusal on its field; handed back when it has none here."""
        if refusal.field not in self._fields:
            return refusal
        self[refusal.field].errors = [refusal_text(refusal)]
        return None


class _ProvenForm(AccountForm):
    """Asks for the password again; ``has_password`` False: there is none to ask for."""

    current_password: Any

    def __init__(self, *args: Any, has_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_password:
            del self.current_password

    @property
    def current(self) -> str:
        return str(self.current_password.data) if "current_password" in self._fields else ""


class SignInForm(AccountForm):
    """E-mail address and password; ``next`` is where to go afterwards, checked by the view."""

    email = _email("username")
    password = _current_password(_("Password"))
    next = HiddenField()


class MailForm(AccountForm):
    """The address to send a link to."""

    email = _email("email")


class JoinForm(AccountForm):
    """The name and password of a new account."""

    name = _name()
    password = _new_password()


class NewPasswordForm(AccountForm):
    password = _new_password()


class CodeForm(AccountForm):
    """A code from the app or from paper; ``next`` is where to go afterwards, checked by the view."""

    code = StringField(
        _("Code"),
        filters=[_strip],
        validators=[InputRequired(_("Enter the code")), Length(max=40, message=_("Enter the code as your app shows it"))],
        widget=GovTextInput(),
        render_kw={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "characters"},
    )
    next = HiddenField()


class NameForm(AccountForm):
    name = _name()


class ChangePasswordForm(_ProvenForm):
    current_password = _current_password(_("Password you have now"))
    password = _new_password()


class AddressForm(_ProvenForm):
    email = _email("email", description=_("We send a link there; nothing changes until you open it."))
    current_password = _current_password(_("Your password"))


class DeleteForm(_ProvenForm):
    current_password = _current_password(_("Your password"))
    sure = BooleanField(
        _("I want my account to be deleted"),
        validators=[InputRequired(_("Tick the box if you want your account to be deleted"))],
        widget=GovCheckboxInput(),
    )
