"""What staff type to add a booking or to change one. Called by the views of adding and of booking changes; the services decide.

A tick to overbook is on the check page alone, with the number that it allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovSelect, GovTextInput
from wtforms import BooleanField, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from ... import clock
from ...queries.desk_changes import Target
from ...rules.addresses import normalise_email
from ...rules.questions import Question
from ...services.adding import How
from ...services.differences import Settlement, Settling
from ...services.out_of_turn import OutOfTurn, Way
from ...templating import when
from ..fields import DayField, MoneyField, WholeNumberField, radios
from .action_forms import ReasonForm

HIDDEN_NUMBER = re.compile(r"-?[0-9]{1,12}")
NOT_TYPED = ("csrf_token", "once", "overbook_to")
DEARER = (
    (Settling.LINK, _("Mail a link to pay the difference by card")),
    (Settling.CASH, _("The difference was paid in cash")),
    (Settling.BANK, _("The difference was paid by bank transfer")),
    (Settling.WAIVE, _("Ask for nothing more")),
)
CHEAPER = ((Settling.REFUND, _("Give the difference back")), (Settling.WAIVE, _("Keep the price as it was")))


def _strip(text: str | None) -> str:
    return " ".join((text or "").split())


def _number(field: HiddenField) -> int:
    """What a hidden field says; what is no number is 0, for nobody can mend it."""
    return int(field.data) if HIDDEN_NUMBER.fullmatch(field.data or "") else 0


class BookingForm(ReasonForm):
    """A form whose check names a price. ``expected`` is what it named, so that nobody pays another."""

    expected = HiddenField()
    overbook_to = HiddenField()
    zone: str = "UTC"
    ends_at: datetime | None = None

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What travels along from the check page: every field as it was typed."""
        unticked = {f.name for f in self if isinstance(f, BooleanField) and not f.data}  # a browser sends no such box either
        fields = (field for field in self if field.name not in unticked.union(NOT_TYPED))
        return [(f.name, str(f._value() if hasattr(f, "_value") else f.data or "")) for f in fields]

    @property
    def expected_cents(self) -> int:
        """The price or difference that the check page named."""
        return _number(self.expected)

    @property
    def overbook(self) -> int:
        """How far past capacity the tick allows to go."""
        return max(0, _number(self.overbook_to))

    @property
    def deadline(self) -> datetime | None:
        """The end of the day until which a link may be paid, and no later than the session's end."""
        if "pay_by" not in self or self.pay_by.data is None:
            return None
        midnight = datetime.combine(self.pay_by.data + timedelta(days=1), time(), ZoneInfo(self.zone))
        return midnight if self.ends_at is None else min(midnight, self.ends_at)

    def chosen_words(self) -> str:
        """What was chosen for ``how``, in the words of its button."""
        return next(str(choice.label) for choice in self.how.choices if choice.value == self.how.data)

    def about(self, zone: str, ends_at: datetime) -> None:
        """The clock and the end of the session that the deadline goes by."""
        self.zone, self.ends_at = zone, ends_at

    def check_deadline(self, how: str) -> bool:
        """A link needs a day in the future."""
        if how != "link":
            return True
        if not self.pay_by.errors and (self.deadline is None or self.deadline <= clock.now()):
            self.pay_by.errors = [gettext("Enter the last day to pay, today or later")]
        return not self.pay_by.errors


def _pay_by() -> DayField:
    return DayField(_("Last day to pay"), description=_("Only for a link. The place is kept until the end of that day."))


class AddForm(BookingForm):
    """A booking by hand."""

    name = StringField(_("Name"), filters=[_strip], widget=GovTextInput())
    email = StringField(
        _("E-mail address"),
        description=_("Leave it empty for somebody who gives none: then we send no confirmation."),
        filters=[_strip],
        widget=GovInput(input_type="email"),
    )
    places = WholeNumberField(_("Number of places"), lowest=1, default=1)
    how = radios(_("How it is paid"), [
        (How.CASH, _("In cash, now")), (How.BANK, _("By bank transfer, it has arrived")),
        (How.LINK, _("By card: mail a link to pay")), (How.COMP, _("It costs nothing")),
    ])  # fmt: skip
    price = MoneyField(_("Another price"), description=_("For all places. Leave it empty for the session’s own price."))
    pay_by = _pay_by()
    currency = "NZD"
    questions: ClassVar[tuple[Question, ...]] = ()
    """What the session asks besides; `asking.form_class` adds a field for each."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The fields in their order; what the session asks comes before the reason."""
        asked = (question.field for question in self.questions)
        return ("name", "email", "places", "how", "price", "pay_by", *asked, "reason")

    def validate(self, extra_validators: Any = None) -> bool:
        """A link has somewhere to go and an end."""
        fine = bool(super().validate(extra_validators))
        if not self.how.errors and self.how.data == How.LINK and not self.email.data and not self.email.errors:
            self.email.errors = [gettext("Enter the e-mail address that the link goes to")]
            fine = False
        return self.check_deadline(self.how.data) and fine

    def validate_name(self, field: StringField) -> None:
        """Somebody has to be called."""
        if not field.data or len(field.data) > 200:
            raise ValidationError(_("Enter a name of 200 characters or fewer"))

    def validate_email(self, field: StringField) -> None:
        """One address, or none."""
        if field.data:
            address = normalise_email(field.data)
            if address is None:
                raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
            field.data = address

    def validate_places(self, field: WholeNumberField) -> None:
        """At least one."""
        if not field.data:
            raise ValidationError(_("Enter how many places"))

    def validate_price(self, field: MoneyField) -> None:
        """An amount of money."""
        field.cents(self.currency)


class DifferenceForm(BookingForm):
    """What becomes of the difference that a change makes; which of the two counts is seen when it is known."""

    dearer = radios(_("If it costs more"), DEARER)
    pay_by = _pay_by()
    cheaper = radios(_("If it costs less"), CHEAPER)

    def settlement(self, cents: int) -> Settlement:
        """The choice for this difference, as the services take it."""
        how = Settling(self.dearer.data) if cents > 0 else Settling(self.cheaper.data) if cents < 0 else Settling.WAIVE
        return Settlement(how, self.reason.data, self.once.data, cents, self.overbook, self.deadline)


class MoveForm(DifferenceForm):
    """Where to."""

    to = SelectField(_("Move to"), widget=GovSelect(), validate_choice=False)  # sent twice, it is there already
    shown = ("to", "dearer", "pay_by", "cheaper", "reason")

    def offer(self, sessions: Iterable[Target]) -> None:
        """The sessions to choose from."""
        self.to.choices = [SelectChoice(value=s.slug, label=_label(s)) for s in sessions]


def _label(to: Target) -> str:
    starts = when(to.starts_at, None, to.time_zone)
    return gettext("%(title)s, %(when)s (%(left)s free)", title=to.title, when=starts, left=to.left)


class PlacesForm(DifferenceForm):
    """How many instead."""

    places = WholeNumberField(_("Number of places"), lowest=1)
    shown = ("places", "dearer", "pay_by", "cheaper", "reason")

    def validate_places(self, field: WholeNumberField) -> None:
        """At least one."""
        if not field.data:
            raise ValidationError(_("Enter how many places"))


class PaymentForm(BookingForm):
    """How money was handed over."""

    how = radios(_("How it was paid"), [("cash", _("In cash")), ("bank", _("By bank transfer"))])
    shown = ("how", "reason")


class OwedForm(BookingForm):
    """What becomes of what is still owed."""

    how = radios(_("How it is settled"), DEARER)
    pay_by = _pay_by()
    shown = ("how", "pay_by", "reason")

    def validate(self, extra_validators: Any = None) -> bool:
        """A link has an end."""
        fine = bool(super().validate(extra_validators))
        return self.check_deadline(self.how.data) and fine

    def settlement(self, cents: int) -> Settlement:
        """The choice, as the services take it."""
        return Settlement(Settling(self.how.data), self.reason.data, self.once.data, cents, 0, self.deadline)


class OutOfTurnForm(BookingForm):
    """How somebody who waits gets a place now."""

    how = radios(_("How"), [(Way.OFFER, _("Offer it, with the usual time to answer"))])
    pay_by = _pay_by()
    shown = ("how", "pay_by", "reason")

    def offer(self, *, at_once: bool, paid: bool) -> None:
        """The ways that this booking can go: paid or free ones need no payment."""
        ways: list[tuple[Way, Any]] = [] if paid else [(Way.OFFER, _("Offer it, with the usual time to answer"))]
        if at_once:
            ways.insert(0, (Way.PROMOTE, _("Register it at once")))
        else:
            ways += [(Way.LINK, _("Keep the place and mail a link to pay")), (Way.CASH, _("Register it: paid in cash")),
                     (Way.BANK, _("Register it: paid by bank transfer"))]  # fmt: skip
        self.how.choices = [SelectChoice(value=str(way), label=words) for way, words in ways]
        if not self.is_submitted() or self.how.data not in {way.value for way, _words in ways}:
            self.how.data = ways[0][0].value

    def validate(self, extra_validators: Any = None) -> bool:
        """A link has an end."""
        fine = bool(super().validate(extra_validators))
        return self.check_deadline(self.how.data) and fine

    def wish(self) -> OutOfTurn:
        """The choice, as the service takes it."""
        return OutOfTurn(Way(self.how.data), self.reason.data, self.once.data, self.overbook, self.deadline)


class ContactForm(BookingForm):
    """Who the booking is for."""

    name = StringField(_("Name"), filters=[_strip], widget=GovTextInput())
    email = StringField(_("E-mail address"), filters=[_strip], widget=GovInput(input_type="email"))
    shown = ("name", "email", "reason")

    validate_name = AddForm.validate_name

    def validate_email(self, field: StringField) -> None:
        """One address; the one it has may stay, even when it stands for none."""
        if field.data != field.object_data:
            address = normalise_email(field.data or "")
            if address is None:
                raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
            field.data = address


class AnswersForm(BookingForm):
    """What was answered to the session's own questions; `asking.form_class` adds a field for each."""

    questions: ClassVar[tuple[Question, ...]] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The questions, and why."""
        return (*(question.field for question in self.questions), "reason")


class NoteForm(ReasonForm):
    """A note for the committee; its text travels in ``reason``."""
