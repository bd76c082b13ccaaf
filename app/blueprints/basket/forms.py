"""The shape of filling and checking out a basket. The basket's views make it; whether it may be had, the services decide."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput
from wtforms import IntegerField, ValidationError

from ..buyer_fields import AttemptField, ExpectedField, email_field, name_field
from ..typed_codes import code_field

MOST = 50


def _how_many(**kwargs: Any) -> IntegerField:
    widget = GovInput(input_type="number")
    return IntegerField(_("How many"), widget=widget, render_kw={"inputmode": "numeric", "min": "1"}, **kwargs)


class AddForm(FlaskForm):
    """How many of one thing."""

    lowest = 1
    quantity = _how_many(default=1)

    def validate_quantity(self, field: IntegerField) -> None:
        """Words and digits alike get the same instruction."""
        field.errors = []
        if field.data is None or not self.lowest <= field.data <= MOST:
            raise ValidationError(_("Enter a number from %(lowest)s to %(max)s", lowest=self.lowest, max=MOST))


class ChangeForm(AddForm):
    """How many of a line of the basket; 0 takes it out."""

    lowest = 0
    quantity = _how_many()


class CheckoutForm(FlaskForm):
    """For somebody signed in: everything is known but what they saw."""

    expected_total_cents = ExpectedField()
    attempt = AttemptField()
    code = code_field()


class GuestForm(CheckoutForm):
    """For somebody without an account."""

    name = name_field()
    email = email_field(_("We send what you buy and its links here."))
