"""The desk's first page: what is on today and this week, and what waits for somebody to do it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import format_date

from ... import clock
from ...config import current_settings
from ...queries import desk_charts, desk_sessions, desk_today
from ...queries.desk_charts import FillWeek, TakingsWeek
from ...rules import money
from ...rules.statuses import Role
from ...security import may, staff_only
from ...templating import money as money_words
from . import bp
from .charts import Chart, draw


@bp.get("/")
@staff_only(Role.DESK)
def index() -> ResponseReturnValue:
    """Today, by the club's own clock."""
    now = clock.now()
    zone = ZoneInfo(current_settings().time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    page = desk_today.page(now, midnight)
    fill = desk_charts.fill(midnight.date(), zone)
    takings = desk_charts.takings(midnight.date(), zone, current_settings().currency) if may(Role.STAFF) else []
    charts = {"fill": fill, "fill_chart": _fill(fill), "takings": takings, "takings_chart": _takings(takings)}
    return render_template("admin/today.html", page=page, doors=page.doors, now=now, by_day=desk_sessions.by_day, **charts)


def _fill(weeks: Sequence[FillWeek]) -> Chart:
    names = [_short(week.monday) for week in weeks]
    return draw([week.percent for week in weeks], names, least_top=100, words="{}%".format, coming=desk_charts.COMING)


def _takings(weeks: Sequence[TakingsWeek]) -> Chart:
    currency = current_settings().currency
    names = [_short(week.monday) for week in weeks]
    least = 100 * 10 ** money.exponent(currency)
    return draw([week.net_cents for week in weeks], names, least_top=least, words=lambda cents: _whole(cents, currency))


def _whole(cents: int, currency: str) -> str:
    """An amount of the axis without its coins; they are nought there."""
    return money_words(cents, currency).removesuffix(".00")


def _short(monday: date) -> str:
    return str(format_date(monday, "d MMM"))
