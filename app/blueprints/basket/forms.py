"""The shape of filling and checking out a basket. The basket's views make it; whether it may be had, the services decide."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput
from wtforms import IntegerField, ValidationError

from ..buyer_fields import AttemptField, ExpectedField, email_field, name_field
from ..typed_codes import code_field

MOST = 50


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

    expected_total_cents = ExpectedField()
    attempt = AttemptField()
    code = code_field()


class GuestForm(CheckoutForm):
    """For somebody without an account."""

    name = name_field()
    email = email_field(_("We send what you buy and its links here."))
