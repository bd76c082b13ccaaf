"""The desk's view of one session and of all bookings: searched, filtered, sorted and paged by links."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from ...queries import desk_registrations, desk_sessions
from ...queries.desk_registrations import Sort, Wanted
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
    wanted, with_payments = asked_for(), may(Role.STAFF)
    page = desk_registrations.of_session(slug, wanted, page_number(), with_checkouts=with_payments)
    return render_template("admin/session.html", session=club_session, page=page, wanted=wanted, with_payments=with_payments)


@bp.get("/registrations")
@staff_only(Role.DESK)
def registrations() -> ResponseReturnValue:
    """Every booking of every session, for whoever rings up and does not say which."""
    wanted, with_payments = asked_for(Sort.NEWEST), may(Role.STAFF)
    page = desk_registrations.everywhere(wanted, page_number(), with_checkouts=False)
    return render_template(
        "admin/registrations.html", page=page, wanted=wanted, with_payments=with_payments, statuses=desk_registrations.IN_ORDER
    )


def asked_for(usual: Sort = Sort.STATUS) -> Wanted:
    """What address or export's form asks for; a status that there is not means any, such a sort the usual one."""
    status = request.values.get("status", "")
    known = RegistrationStatus(status) if status in set(RegistrationStatus) else None
    sort = request.values.get("sort", "")
    order = Sort(sort) if sort in set(Sort) else usual
    return Wanted(request.values.get("q", "").strip()[:LONGEST_SEARCH], known, order)
