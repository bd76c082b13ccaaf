"""Form fields for what the desk types by hand: days, times of day and money, each refused with words that show how to write it.

Called by the desk's forms. Browsers with a date picker send ISO; the other formats are for those without and for pasting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from babel.numbers import NumberFormatError, parse_decimal
from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovInput, GovRadioInput
from wtforms import DateField, IntegerField, RadioField, StringField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from ..rules import money

DAYS = ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d %B %Y", "%d %b %Y"]
YEARS = range(2000, 2100)
"""The years of a club's books: other days are slips of the finger, and some of them no calendar of ours can reckon with."""
TIMES = ["%H:%M", "%H:%M:%S", "%H.%M", "%I:%M %p", "%I:%M%p", "%I.%M %p", "%I.%M%p", "%I %p", "%I%p"]
AMOUNT = re.compile(r"(?:[A-Za-z]{0,3}\$|[A-Za-z]{3}|[€£¥])?\s*([0-9][0-9., ]*)")
MOST = 2_000_000_000
"""Larger numbers do not fit the database's columns, and no club has them."""


def radios(label: Any, choices: Iterable[tuple[object, Any]]) -> RadioField:
    """One of several (value, words); the first unless another is chosen."""
    offered = [SelectChoice(value=str(value), label=words) for value, words in choices]
    return RadioField(label, choices=offered, default=offered[0].value, widget=GovRadioInput())


class DayField(DateField):
    """A day of the calendar, of one of the YEARS."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, format=DAYS, widget=GovInput(input_type="date"), **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Nothing typed is no day."""
        typed = " ".join(valuelist).strip()
        self.data = None
        if typed:
            try:
                super().process_formdata([typed])
            except ValueError:
                raise ValueError(_("Enter a real date as day, month and year, like 21/11/2026")) from None
        if self.data is not None and self.data.year not in YEARS:
            self.data = None
            raise ValueError(_("Enter a year between %(first)s and %(last)s", first=YEARS.start, last=YEARS.stop - 1))


class ClockField(TimeField):
    """A time of day, by the clock on the wall."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, format=TIMES, widget=GovInput(input_type="time"), **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Nothing typed is no time."""
        typed = " ".join(valuelist).strip()
        self.data = None
        if typed:
            try:
                super().process_formdata([typed])
            except ValueError:
                raise ValueError(_("Enter a time of day, like 18:30 or 6:30 pm")) from None


class WholeNumberField(IntegerField):
    """A number of people or places; nothing typed is None."""

    def __init__(self, label: Any, *, lowest: int = 0, **kwargs: Any) -> None:
        self.lowest = lowest
        super().__init__(label, widget=GovInput(input_type="text"), render_kw={"inputmode": "numeric"}, **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Digits only: "+5", "1_000" and letters are told how to write it."""
        typed = " ".join(valuelist).strip()
        self.data = None
        if not typed:
            return
        if not typed.isascii() or not typed.isdigit() or not self.lowest <= int(typed[:20]) <= MOST:
            raise ValueError(_("Enter a whole number, %(lowest)s or more", lowest=self.lowest))
        self.data = int(typed)


class MoneyField(StringField):
    """An amount as people write it: 12, 12.00, $12.00, NZ$1,200.00. ``data`` stays the text; ``cents`` reads it."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, widget=GovInput(input_type="text"), render_kw={"inputmode": "decimal"}, **kwargs)

    def cents(self, currency: str) -> int | None:
        """Minor units of ``currency``, or None when nothing is typed. Raises ValidationError with what to type instead."""
        typed = (self.data or "").strip()
        if not typed:
            return None
        try:
            return _minor_units(typed, currency)
        except NumberFormatError:
            raise ValidationError(_("Enter an amount of money, like 12.00")) from None
        except ValueError:
            raise ValidationError(
                _("Enter an amount with no more than %(digits)s digits after the point", digits=digits)
                if (digits := money.digits(currency))
                else _("Enter a whole amount, with nothing after the point")
            ) from None


def _minor_units(typed: str, currency: str) -> int:
    """Raises NumberFormatError for what is no amount, ValueError for one that is finer than what can be paid."""
    match = AMOUNT.fullmatch(typed)
    if match is None or len(match[1]) > 15:
        raise NumberFormatError("no amount")
    amount: Decimal = parse_decimal(match[1].strip(), locale="en_NZ", strict=True)
    return money.from_decimal(amount, currency)
