"""What the committee says about the applications it chose. Called by the applications view; the service decides."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovTextArea
from wtforms import BooleanField, HiddenField, IntegerField, TextAreaField
from wtforms.validators import Optional, ValidationError
from wtforms.widgets import HiddenInput

from ...rules.refusals import Refusal
from ...services import club_sessions
from ...services.applications import Decision, Verdict
from ...templating import refusal_text
from ..fields import ClockField, DayField
from .action_forms import KEY

LONGEST_MESSAGE = 2000
LAST_MINUTE = time(23, 59)


class DecisionForm(FlaskForm):
    """The message, the deadline and the tick that overbooks. Who is chosen and the verdict are boxes and buttons.

    ``chosen`` exists so that the words for nobody chosen have a field to stand at.
    """

    chosen = HiddenField()
    message = TextAreaField(
        _("Message (optional)"),
        description=_("It is put into the e-mail to everybody you have chosen."),
        widget=GovTextArea(),
    )
    until_on = DayField(_("Keep accepted places until"), description=_("Empty: a day, less as the session nears."))
    until_at = ClockField(_("At"), description=_("Empty: until the day ends."))
    overbook = BooleanField(_("Accept more than there are places: overbook"), widget=GovCheckboxInput())
    over = IntegerField(widget=HiddenInput(), validators=[Optional()])
    """How far past capacity the check said it would be: the tick allows as much and no more."""
    once = HiddenField()
    refused: Refusal | None = None

    def __init__(self, *args: Any, time_zone: str, **kwargs: Any) -> None:
        self.time_zone = time_zone
        super().__init__(*args, **kwargs)
        if not KEY.fullmatch(self.once.data or ""):
            self.once.data = secrets.token_urlsafe(18)

    @property
    def http_status(self) -> int:
        """What the page that shows this form answers."""
        return self.refused.status if self.refused is not None else 422 if self.errors else 200

    @property
    def tokens(self) -> tuple[str, ...]:
        """Whom the boxes name: those ticked, or all that were shown."""
        return tuple(request.form.getlist("shown" if "all" in request.form else "chosen"))

    @property
    def verdict(self) -> Verdict | None:
        """Which button was pressed."""
        said = request.form.get("verdict")
        return Verdict(said) if said in set(Verdict) else None

    @property
    def until(self) -> datetime | None:
        """The committee's deadline, if it gave one. Raises NoSuchTime."""
        if self.until_on.data is None:
            return None
        return club_sessions.moment_at(self.until_on.data, self.until_at.data or LAST_MINUTE, self.time_zone)

    def decision(self, verdict: Verdict) -> Decision:
        """What was asked for, after a ``validate`` that found nothing wrong."""
        message = (self.message.data or "").replace("\r\n", "\n").strip()
        return Decision(verdict, self.tokens, message, self.until, bool(self.overbook.data), self.over.data)

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """Somebody is chosen, and one of the buttons was pressed."""
        fine = bool(super().validate(extra_validators))
        if not self.tokens or self.verdict is None:
            self.chosen.errors = [gettext("Choose at least one application.")]
            return False
        return fine

    def validate_message(self, field: TextAreaField) -> None:
        """Text that can be mailed, and no more than a page of it."""
        if len(field.data or "") > LONGEST_MESSAGE:
            raise ValidationError(gettext("Enter a message of %(most)s characters or fewer", most=LONGEST_MESSAGE))
        if any(not c.isprintable() and c not in "\r\n\t" for c in field.data or ""):
            raise ValidationError(_("Enter a message without characters that cannot be shown"))

    def validate_until_at(self, field: ClockField) -> None:
        """A time of day belongs to a day, and is one that the clocks show."""
        if field.data is not None and self.until_on.data is None and not self.until_on.errors:
            raise ValidationError(_("Enter the day as well"))
        try:
            _moment = self.until
        except club_sessions.NoSuchTime:
            raise ValidationError(_("The clocks skip this time that day. Enter another one")) from None

    def refuse(self, refusal: Refusal) -> None:
        """Show why the service said no: at its field, or above the form."""
        self.refused = refusal
        field = "until_on" if refusal.field == "until" else refusal.field
        if field is not None and field in self:
            self[field].errors = [refusal_text(refusal)]
