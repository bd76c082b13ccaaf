"""From which day to which: what ``?from=&to=`` asks for, and what people ask for most. Called by the money pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from flask import request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from ... import clock
from ...config import current_settings
from ...queries.desk_money import Period
from ...queries.memberships import club_today
from .action_forms import PeriodForm


@dataclass(frozen=True, slots=True)
class Days:
    """The period that is shown, and the form that asks for another; a period that cannot be is told in the form."""

    form: PeriodForm
    period: Period
    today: date
    usual: list[tuple[str, date, date]]

    @property
    def http_status(self) -> int:
        return 422 if self.form.errors else 200


def days(args: MultiDict[str, str] | None = None, *, usually: str = "today") -> Days:
    """What is asked for, or ``today``, ``year`` so far or ``last_month`` when nothing is, or nothing that can be."""
    today = club_today(clock.now())
    given = request.args if args is None else args
    first, last = _usually(today)[usually]
    form = PeriodForm(given if {"from", "to"} & set(given) else None, data={"first": first, "last": last})
    if {"from", "to"} & set(given) and form.validate():
        first, last = form.first.data, form.last.data
    return Days(form, Period(first, last, current_settings().time_zone), today, _usual(today))


def _usually(today: date) -> dict[str, tuple[date, date]]:
    last_month = today.replace(day=1) - timedelta(days=1)
    return {"today": (today, today), "year": (today.replace(month=1, day=1), today),
            "last_month": (last_month.replace(day=1), last_month)}  # fmt: skip


def _usual(today: date) -> list[tuple[str, date, date]]:
    """The periods people ask for most, as links: words, first day, last day."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    last_month = first - timedelta(days=1)
    return [
        (_("Today"), today, today),
        (_("Yesterday"), today - timedelta(days=1), today - timedelta(days=1)),
        (_("This week"), monday, today),
        (_("This month"), first, today),
        (_("Last month"), last_month.replace(day=1), last_month),
        (_("This year"), today.replace(month=1, day=1), today),
    ]
