"""Words of memberships and prices that several templates share: a date, a price's reason, how long a plan lasts.

``init_wording`` is called once by ``create_app``; the rest by templates, mails included.
"""

from __future__ import annotations

from datetime import date

from babel.dates import format_date
from flask import Flask
from flask_babel import get_locale, gettext, ngettext

from .queries.membership_plans import PlanView
from .services.amounts import price_reason
from .services.vouchers import words as code_words


def init_wording(app: Flask) -> None:
    """Give the app's templates these words."""
    for function in (long_date, price_reason, plan_length):
        app.jinja_env.globals[function.__name__] = function
    app.jinja_env.globals["code_words"] = code_words


def long_date(day: date | str) -> str:
    """The date in words: "2 March 2027"."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return str(format_date(day, "d MMMM y", locale=get_locale() or "en"))


def plan_length(plan: PlanView) -> str:
    """How long a plan's membership lasts: "12 months" or "until 31 December 2026"."""
    if plan.fixed_end_on is not None:
        return str(gettext("until %(date)s", date=long_date(plan.fixed_end_on)))
    return str(ngettext("%(num)s month", "%(num)s months", plan.length_months or 0))
