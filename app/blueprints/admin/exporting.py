"""Answers an export: puts it on the record, then sends the file. Called by the desk's export views.

A POST, because it leaves an audit entry and a GET changes nothing: a mail scanner that follows links takes no data away.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request, send_file
from flask_babel import gettext

from ... import clock
from ...config import current_settings
from ...integrations import spreadsheets
from ...integrations.spreadsheets import Table
from ...queries.memberships import club_today
from ...services import exports
from .. import viewer

FORMS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def send(table: Table, name: str, rows: int, *, narrowed: bool = False, slug: str | None = None) -> Response:
    """The table as the form asks for (``format``: csv, xlsx), under a name with the day; on the record before it is sent."""
    form = "xlsx" if request.form.get("format") == "xlsx" else "csv"
    exports.note(viewer.actor(), name, form, rows, narrowed=narrowed, slug=slug)
    file_name = f"{slug or name}-{club_today(clock.now()).isoformat()}.{form}"
    file = spreadsheets.xlsx_file(table) if form == "xlsx" else spreadsheets.csv_file(table)
    response = send_file(file, FORMS[form], as_attachment=True, download_name=file_name, max_age=0)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def club_zone() -> str:
    """By whose clock an export of money shows its times."""
    return current_settings().time_zone


def at(words: Any, zone: str) -> str:
    """The heading of a column of moments; it names the zone."""
    return gettext("%(what)s (%(zone)s)", what=words, zone=zone)
