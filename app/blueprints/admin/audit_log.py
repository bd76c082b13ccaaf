"""The record of who did what, for staff: newest first, filtered by action and by session."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from ...queries import desk_audit
from ...queries.desk_audit import Wanted
from ...queries.desk_cases import HIGHEST_ID
from ...rules.statuses import Role
from ...security import staff_only
from . import bp
from .paging import page_number

LONGEST_SLUG = 80


@bp.get("/audit")
@staff_only(Role.STAFF)
def audit() -> ResponseReturnValue:
    """The record; ``?action=``, ``?session=`` and ``?person=`` filter it. An action that there is not means any."""
    actions = desk_audit.actions()
    asked, slug = request.args.get("action", ""), request.args.get("session", "")[:LONGEST_SLUG]
    person = min(max(0, request.args.get("person", 0, type=int)), HIGHEST_ID) or None
    wanted = Wanted(asked if asked in actions else None, slug or None, person)
    title = (desk_audit.session_title(slug) or abort(404)) if slug else None
    name = (desk_audit.person_name(person) or abort(404)) if person else None
    page = desk_audit.entries(wanted, page_number())
    return render_template("admin/history.html", page=page, wanted=wanted, actions=actions, session_title=title, name=name)
