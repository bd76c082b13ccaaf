"""The desk's first page: what is on today and this week, and what waits for somebody to do it."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from flask import render_template
from flask.typing import ResponseReturnValue

from ... import clock
from ...config import current_settings
from ...queries import desk_door, desk_sessions, desk_today
from ...rules.statuses import Role
from ...security import staff_only
from . import bp


@bp.get("/")
@staff_only(Role.DESK)
def index() -> ResponseReturnValue:
    """Today, by the club's own clock."""
    now = clock.now()
    zone = ZoneInfo(current_settings().time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    page = desk_today.page(now, midnight)
    doors = desk_door.near(page.today, now)
    return render_template("admin/today.html", page=page, doors=doors, now=now, by_day=desk_sessions.by_day)
