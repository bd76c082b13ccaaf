"""The people with an account as a file: exactly those whom the list's search shows, members or students alone if asked."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ... import clock
from ...integrations.spreadsheets import Column, Table
from ...queries import desk_accounts
from ...queries.memberships import club_today
from ...rules.statuses import Role
from ...security import staff_only
from . import bp
from .export_columns import value
from .exporting import club_zone, send
from .people import asked_for
from .people_forms import ROLES


@bp.post("/people/export")
@staff_only(Role.STAFF)
def people_export() -> Response:
    """Name, address, membership and role of each."""
    wanted, today = asked_for(), club_today(clock.now())
    columns = [
        Column(_("Name"), value("name")),
        Column(_("E-mail"), value("email")),
        Column(_("E-mail confirmed"), lambda line: _yes_or_no(line.is_confirmed)),
        Column(_("Member until"), value("member_until")),
        Column(_("Student"), lambda line: _yes_or_no(line.is_student)),
        Column(_("Role"), lambda line: str(ROLES[line.role][0]) if line.role is not Role.NONE else ""),
    ]
    table = Table(_("People"), columns, desk_accounts.every(wanted, today), club_zone())
    return send(table, "people", desk_accounts.count(wanted, today), narrowed=bool(wanted.text or wanted.who))


def _yes_or_no(yes: bool) -> str:
    return str(_("Yes") if yes else _("No"))
