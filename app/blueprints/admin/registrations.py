"""The desk's view of one session: its figures and its registrations, searched, filtered and paged by links."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from ...queries import desk_registrations, desk_sessions
from ...queries.desk_registrations import Wanted
from ...rules.statuses import RegistrationStatus, Role
from ...security import may, staff_only
from . import bp
from .paging import page_number

LONGEST_SEARCH = 200


@bp.get("/sessions/<slug:slug>")
@staff_only(Role.DESK)
def session_registrations(slug: str) -> ResponseReturnValue:
    """Who is in, who waits and who has paid; ``?q=`` searches, ``?status=`` filters. Only staff get links and ids of payments."""
    club_session = desk_sessions.one(slug) or abort(404)
    wanted, with_payments = _wanted(), may(Role.STAFF)
    page = desk_registrations.of_session(slug, wanted, page_number(), with_checkouts=with_payments)
    return render_template("admin/session.html", session=club_session, page=page, wanted=wanted, with_payments=with_payments)


def _wanted() -> Wanted:
    """The search as asked for; a status that there is not means any."""
    status = request.args.get("status", "")
    known = RegistrationStatus(status) if status in set(RegistrationStatus) else None
    return Wanted(request.args.get("q", "").strip()[:LONGEST_SEARCH], known)
