"""Two fields for notices by WhatsApp: a number, and the consent to be written to there.

Made by the views that take bookings, only while the settings switch WhatsApp on; without them a booking is made as ever.
"""

from __future__ import annotations

from typing import TypeVar

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovInput
from wtforms import BooleanField, StringField, ValidationError

from ..config import current_settings
from ..rules.phone_numbers import MAX_LENGTH, normalise_number

F = TypeVar("F", bound=FlaskForm)


class WhatsAppFields(FlaskForm):
    """Nobody has to leave a number; whoever does says that it may be used. A valid number is in the form that is stored."""

    whatsapp_number = StringField(
        _("Phone number for WhatsApp (optional)"),
        description=_("We also send your confirmation and changes there. From abroad it begins with its country, like +61."),
        filters=[lambda text: text.strip() if text else text],
        widget=GovInput(input_type="tel"),
        render_kw={"autocomplete": "tel", "inputmode": "tel", "maxlength": str(MAX_LENGTH)},
    )
    whatsapp_agreed = BooleanField(
        _("Send me notices about this by WhatsApp. I can stop them on its own page."),
        widget=GovCheckboxInput(),
    )

    def validate_whatsapp_number(self, field: StringField) -> None:
        """Exactly one number that can be called; it is written back as it will be stored."""
        if not field.data:
            return
        number = normalise_number(field.data, current_settings().territory)
        if number is None:
            raise ValidationError(_("Enter a phone number, like +64 21 123 4567, or leave it empty"))
        field.data = number

    def validate_whatsapp_agreed(self, field: BooleanField) -> None:
        """No number without consent."""
        if self.whatsapp_number.data and not field.data:
            raise ValidationError(_("Tick the box to get notices by WhatsApp, or leave the phone number empty"))


def with_whatsapp(form_class: type[F]) -> type[F]:
    """The form with these fields; the form itself while WhatsApp is off."""
    return type("ReachableForm", (WhatsAppFields, form_class), {}) if current_settings().whatsapp else form_class


def agreed_number(form: FlaskForm) -> str | None:
    """The number of a valid form, whose owner agreed."""
    if "whatsapp_number" not in form or not form["whatsapp_agreed"].data:
        return None
    return form["whatsapp_number"].data or None
