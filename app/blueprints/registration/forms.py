"""The shape of a booking as a visitor types it. The registration views make it; whether it may be had, the services decide."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxInput, GovInput, GovRadioInput
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, ValidationError
from wtforms.validators import Optional

from ...rules.questions import Question
from ...rules.statuses import Entry
from ..buyer_fields import AttemptField, ExpectedField, email_field, name_field
from ..typed_codes import code_field


class RegistrationForm(FlaskForm):
    """Who wants how many places. ``max_places`` is the session's; ``attempt`` is made afresh unless the page sent one.

    A valid ``email.data`` is in the normal form that is stored (lower case). The labels of the buttons are in the templates.
    """

    name = name_field()
    email = email_field(_("We send your confirmation and the link to your booking here."))
    places = IntegerField(
        _("Number of places"),
        default=1,
        widget=GovInput(input_type="number"),
        render_kw={"inputmode": "numeric", "min": "1"},
    )
    accept_waitlist = BooleanField(_("Put me on the waitlist if the places go before I am done"), widget=GovCheckboxInput())
    expected_price_cents = ExpectedField()
    expected_total_cents = ExpectedField()
    join_plan = RadioField(
        _("Join the club as well?"), default="", choices=[], validators=[Optional()], widget=GovRadioInput()
    )
    code = code_field()
    asked = HiddenField()
    """Whether the page offered to register or to apply."""
    attempt = AttemptField()
    questions: ClassVar[tuple[Question, ...]] = ()
    """What the session asks besides; `asking.form_class` adds a field for each."""

    class Meta(FlaskForm.Meta):
        """The token is checked before the view is called, and pages write theirs: a form that succeeds need not draw one."""

        csrf = False

    def __init__(self, *args: Any, max_places: int = 1, **kwargs: Any) -> None:
        self.max_places = max_places
        super().__init__(*args, **kwargs)

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
