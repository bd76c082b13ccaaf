"""The shapes of what a host types: a session, the payment of its fee, whom to ask for help. The host's views make them."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput
from wtforms import HiddenField, StringField

from ..buyer_fields import AttemptField, ExpectedField
from ..session_form import ClubSessionForm
from ..typed_codes import code_field


class HostedForm(ClubSessionForm):
    """A session in the currency that is the club's to decide, whatever was sent: prices are read and checked in it."""

    currency = HiddenField()

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, currency=currency, **kwargs)
        self.currency.data = currency


class FeeForm(FlaskForm):
    """Who pays is signed in; the fee is the club's."""

    expected_total_cents = ExpectedField()
    attempt = AttemptField()
    code = code_field()


class InviteForm(FlaskForm):
    """Whom to ask for help."""

    email = StringField(
        _("E-mail address of their account here"),
        widget=GovInput(input_type="email"),
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
