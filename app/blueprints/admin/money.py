"""The treasurer's page: the books of a period, how they compare with Stripe's, and a button that compares them now."""

from __future__ import annotations

from datetime import date, timedelta

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...queries import desk_money
from ...queries.desk_money import Period
from ...queries.memberships import club_today
from ...rules.statuses import Role
from ...security import staff_only
from ...services import comparing
from .. import viewer
from . import bp
from .action_forms import PeriodForm


@bp.get("/money")
@staff_only(Role.STAFF)
def money() -> ResponseReturnValue:
    """The books from one day to another, today unless asked otherwise; days that cannot be used are told so."""
    today = club_today(clock.now())
    asked = request.args if {"from", "to"} & set(request.args) else None
    form = PeriodForm(asked, data={"first": today, "last": today})
    usable = asked is None or form.validate()
    first, last = (form.first.data, form.last.data) if usable else (today, today)
    period = Period(first, last, current_settings().time_zone)
    books, standing = desk_money.books(period), desk_money.standing()
    shown = {"form": form, "period": period, "today": today, "periods": _periods(today)}
    return render_template("admin/money.html", books=books, standing=standing, **shown), 200 if usable else 422


@bp.post("/money/compare")
@staff_only(Role.STAFF)
def money_compare() -> ResponseReturnValue:
    """Have the books compared with Stripe's by the worker, and mended. Safe to press at any time, and twice."""
    comparing.ask(viewer.actor())
    flash(_("The books are being compared with Stripe’s. The result will stand here."))
    return redirect(url_for("admin.money"), 303)


@bp.get("/money/comparison")
@staff_only(Role.STAFF)
def money_comparison() -> ResponseReturnValue:
    """Whether a comparison is under way, for the page that waits for it."""
    asked = desk_money.last_asked()
    return jsonify(comparing=asked is not None and asked.finished_at is None)


def _periods(today: date) -> list[tuple[str, date, date]]:
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
