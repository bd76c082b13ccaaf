"""The desk's actions on money and bookings: a form, a check of exactly what will happen, then the deed. Called by its views.

A form carries a one-time key from its first page on, so that two clicks on the last button act once.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovRadioInput, GovTextInput
from wtforms import HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from ...rules.refusals import Refusal
from ...templating import money as money_words
from ...templating import refusal_text
from ..fields import DayField, MoneyField

KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
LONGEST_REASON = 500


def fresh_key() -> str:
    """A one-time key for a form."""
    return secrets.token_urlsafe(18)


def _strip(text: str | None) -> str:
    return " ".join((text or "").split())


class ReasonForm(FlaskForm):
    """Why it is done: kept on the record, shown to staff only. ``refused`` is why the service said no, once it has."""

    reason = StringField(
        _("Reason"),
        description=_("One sentence. It stays on the record, for the committee only."),
        filters=[_strip],
        widget=GovTextInput(),
    )
    once = HiddenField(default=fresh_key)
    carried: Sequence[str] = ()
    """Names of further fields that travel from the form through the check to the deed."""
    refused: Refusal | None = None
    last_step = False
    """The check has been seen: what is still possible is the service's to say, who knows whether this form was sent before."""

    @property
    def http_status(self) -> int:
        """What the page that shows this form answers."""
        return self.refused.status if self.refused is not None else 422 if self.errors else 200

    def validate_reason(self, field: StringField) -> None:
        """Not empty, and no longer than a sentence or two."""
        if not field.data:
            raise ValidationError(_("Enter a reason, like “Moved away, asked by phone”"))
        if len(field.data) > LONGEST_REASON:
            raise ValidationError(_("Enter a reason of %(number)s characters or fewer", number=LONGEST_REASON))

    def validate_once(self, field: HiddenField) -> None:
        """What is no key of ours gets a fresh one."""
        if not KEY.fullmatch(field.data or ""):
            field.data = fresh_key()

    def refuse(self, refusal: Refusal) -> None:
        """Show why the service said no: at its field, or above the form. The key before has not been used up."""
        self.refused = refusal
        if refusal.field is not None and refusal.field in self:
            self[refusal.field].errors = [refusal_text(refusal)]


class MeansForm(ReasonForm):
    """How somebody was paid back, and why or by whom."""

    means = RadioField(
        _("How was it paid back?"),
        choices=[SelectChoice(value="bank", label=_("By bank transfer")), SelectChoice(value="cash", label=_("In cash"))],
        widget=GovRadioInput(),
        validators=[InputRequired(_("Choose how it was paid back"))],
    )
    carried = ("means",)


class LineForm(ReasonForm):
    """Which line of an order it was about: one of ``lines``, (id, words)."""

    line = RadioField(
        _("What did the money go back for?"),
        widget=GovRadioInput(),
        validators=[InputRequired(_("Choose what the money went back for"))],
    )
    carried = ("line",)

    def __init__(self, *args: Any, lines: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line.choices = [SelectChoice(value=str(item_id), label=name) for item_id, name in lines]


class AmountForm(ReasonForm):
    """How much goes back, at most ``left_cents`` of ``currency``, and why. ``optional``: nothing typed means nothing."""

    amount = MoneyField(_("Amount to refund"))

    def __init__(self, *args: Any, left_cents: int, currency: str, optional: bool = False, **kwargs: Any) -> None:
        self.left_cents, self.currency, self.optional = left_cents, currency, optional
        super().__init__(*args, **kwargs)

    @property
    def cents(self) -> int:
        """What was typed, in minor units; read only after it was found valid."""
        return self.amount.cents(self.currency) or 0

    def validate_amount(self, field: MoneyField) -> None:
        """An amount of money that is left."""
        cents = field.cents(self.currency) or 0
        if not cents and not self.optional:
            raise ValidationError(_("Enter how much to refund, like 12.00"))
        if cents > self.left_cents and not self.last_step:
            left = money_words(self.left_cents, self.currency)
            raise ValidationError(gettext("Enter %(left)s or less: that is what is left of the payment", left=left))


class PeriodForm(FlaskForm):
    """From which day to which; both are in it. A search by GET: it changes nothing and needs no token."""

    class Meta:
        csrf = False

    first = DayField(_("From"), name="from")
    last = DayField(_("To"), name="to")

    def validate(self, extra_validators: Any = None) -> bool:
        """Both days are there and in order."""
        fine = bool(super().validate(extra_validators))
        for field in (self.first, self.last):
            if field.data is None and not field.errors:
                field.errors = [gettext("Enter a date, like 21/11/2026")]
        if fine and not self.errors and self.last.data < self.first.data:
            self.last.errors = [gettext("Enter a day that is not before the first one")]
        return not self.errors


class OpenPeriodForm(FlaskForm):
    """From which day to which, both in it; either may be left open. A search by GET: it changes nothing and needs no token."""

    class Meta:
        csrf = False

    first = DayField(_("From"), name="from")
    last = DayField(_("To"), name="to")

    def moments(self, zone: str) -> tuple[datetime | None, datetime | None]:
        """When it begins and the moment after it ends, by the clock of ``zone``; None where it is open or cannot be read."""
        first, last = (None if field.errors else field.data for field in (self.first, self.last))
        after = last + timedelta(days=1) if last else None
        begins_at, ends_at = (datetime.combine(day, time(), ZoneInfo(zone)) if day else None for day in (first, after))
        return begins_at, ends_at


def walk(
    form: ReasonForm, template: str, act: Callable[[], str], result: Callable[[], str], **facts: Any
) -> ResponseReturnValue:
    """Show the form, then the check of what was typed, then do it and lead to the page at ``result()``.

    ``act`` does it and returns what to say there. What is refused, by it or by working out the check, comes back in the form
    with everything kept.
    """
    step = request.form.get("step", "check") if request.method == "POST" else "form"
    form.last_step = step == "do"
    if step in ("check", "do") and form.validate():
        try:
            if step == "check":
                return render_template(template, form=form, checking=True, **facts)
            flash(act())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return redirect(result(), 303)
    return render_template(template, form=form, checking=False, **facts), form.http_status
