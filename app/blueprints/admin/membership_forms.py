"""The desk's forms about membership: a plan, a membership given, and one changed. Called by its views."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovRadioInput, GovTextArea, GovTextInput
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from ...queries.membership_plans import PlanView
from ...rules import money
from ...rules.addresses import normalise_email
from ...rules.refusals import Refusal
from ...services.membership_plans import PlanFields
from ...templating import refusal_text
from ..fields import DayField, MoneyField, WholeNumberField
from .action_forms import ReasonForm

EXTEND, REVOKE, REFUND = "extend", "revoke", "refund"


def _strip(text: str | None) -> str:
    return (text or "").strip()


class DeskForm(FlaskForm):
    """Shows what the service refuses: at its field, or above the form."""

    refused: Refusal | None = None

    def refuse(self, refusal: Refusal, **fields: str) -> None:
        """``fields``: where this form shows the service's field of another name."""
        name = fields.get(refusal.field or "", refusal.field or "")
        if name in self:
            self[name].errors = [refusal_text(refusal)]
        else:
            self.refused = refusal

    @property
    def http_status(self) -> int:
        return 422 if self.errors or self.refused else 200


class PlanForm(DeskForm):
    """A plan in the club's currency: ``fields`` once it is valid."""

    name = StringField(_("Name"), filters=[_strip], validators=[InputRequired(_("Enter a name"))], widget=GovTextInput())
    description = TextAreaField(
        _("What it gives"), filters=[_strip], widget=GovTextArea(),
        validators=[Length(max=5000, message=_("Enter a description of %(max)d characters or fewer"))],
    )  # fmt: skip
    price = MoneyField(_("Price"), description=_("Empty or 0: free."))
    student_price = MoneyField(_("Student price"), description=_("Leave it empty if students pay the same."))
    length_months = WholeNumberField(_("Length in months"), lowest=1, description=_("Leave it empty if it ends on a fixed day."))
    fixed_end_on = DayField(_("Last day"), description=_("For everybody the same, however late they join."))
    sale_first = DayField(_("On sale from"), description=_("The first day. Leave it empty for now."))
    sale_last = DayField(_("On sale until"), description=_("The last day. Leave it empty for no end."))

    def __init__(self, *args: Any, currency: str, zone: str, plan: PlanView | None = None, **kwargs: Any) -> None:
        self.currency, self.zone, self.plan = currency, zone, plan
        super().__init__(*args, **(_as_typed(plan, zone) if plan else {}), **kwargs)

    def validate_price(self, field: MoneyField) -> None:
        field.cents(self.currency)

    def validate_student_price(self, field: MoneyField) -> None:
        field.cents(self.currency)

    @property
    def fields(self) -> PlanFields:
        """What the service is asked for. A sale is from the first moment of a day to the last, by the club's clock."""
        from_before, until_before = (self.plan.on_sale_from, self.plan.on_sale_until) if self.plan else (None, None)
        return PlanFields(
            name=self.name.data or "",
            description=self.description.data or "",
            price_cents=self.price.cents(self.currency) or 0,
            student_price_cents=self.student_price.cents(self.currency),
            currency=self.currency,
            length_months=self.length_months.data,
            fixed_end_on=self.fixed_end_on.data,
            on_sale_from=self._moment(self.sale_first.data, from_before, _first_day),
            on_sale_until=self._moment(self.sale_last.data, until_before, _last_day),
        )

    def _moment(
        self, day: date | None, before: datetime | None, shown: Callable[[datetime | None, str], date | None]
    ) -> datetime | None:
        """The moment a day stands for; the one before, exactly, while the page still shows its day (taken off sale at noon)."""
        if day is None or day == shown(before, self.zone):
            return before if day is not None else None
        midnight = datetime.combine(day if shown is _first_day else day + timedelta(days=1), time())
        return midnight.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def _first_day(moment: datetime | None, zone: str) -> date | None:
    return None if moment is None else moment.astimezone(ZoneInfo(zone)).date()


def _last_day(moment: datetime | None, zone: str) -> date | None:
    """The day that holds the last moment before this one."""
    return None if moment is None else _first_day(moment - timedelta(microseconds=1), zone)


def _as_typed(plan: PlanView, zone: str) -> dict[str, Any]:
    def amount(cents: int | None) -> str:
        return "" if cents is None else str(money.to_decimal(cents, plan.currency))

    return {
        "name": plan.name, "description": plan.description, "price": amount(plan.price_cents),
        "student_price": amount(plan.student_price_cents), "length_months": plan.length_months, "fixed_end_on": plan.fixed_end_on,
        "sale_first": _first_day(plan.on_sale_from, zone), "sale_last": _last_day(plan.on_sale_until, zone),
    }  # fmt: skip


class GrantForm(ReasonForm):
    """A membership that costs nothing, for somebody with an account."""

    email = StringField(_("E-mail address of their account"), filters=[_strip], widget=GovInput(input_type="email"))
    ends_on = DayField(_("Last day"), validators=[InputRequired(_("Enter the last day of the membership"))])

    def validate_email(self, field: StringField) -> None:
        address = normalise_email(field.data or "")
        if address is None:
            raise ValidationError(_("Enter an e-mail address in the correct format, like name@example.com"))
        field.data = address


class ChangeForm(ReasonForm):
    """What happens to one membership, and why."""

    deed = RadioField(_("What do you want to do?"), widget=GovRadioInput(), validators=[InputRequired(_("Choose what to do"))])
    ends_on = DayField(_("New last day"), description=_("Only to change it."))

    def __init__(self, *args: Any, refundable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deed.choices = [(EXTEND, _("Change its last day")), (REVOKE, _("End it now, without a refund"))]
        if refundable:
            self.deed.choices.append((REFUND, _("End it now and refund what is left of its price")))

    def validate_ends_on(self, field: DayField) -> None:
        if self.deed.data == EXTEND and field.data is None and not field.errors:
            raise ValidationError(_("Enter the new last day"))
