"""The desk's page of a session's applications: read them with their answers, choose some, check who is told what, decide."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from ...queries import desk_applications, desk_sessions
from ...queries.desk_sessions import SessionLine
from ...rules.refusals import Refusal
from ...rules.statuses import RegistrationStatus, Role
from ...security import staff_only
from ...services import applications as service
from ...services.applications import Verdict
from .. import viewer
from . import bp
from .application_forms import DecisionForm
from .paging import page_number

LONGEST_SEARCH = 200


@bp.get("/sessions/<slug:slug>/applications")
@staff_only(Role.STAFF)
def session_applications(slug: str) -> ResponseReturnValue:
    """Who applied, with what they answered; ``?q=`` searches, ``?status=`` filters."""
    club_session = desk_sessions.one(slug) or abort(404)
    return _show(club_session, DecisionForm(time_zone=club_session.time_zone))


@bp.post("/sessions/<slug:slug>/applications")
@staff_only(Role.STAFF)
def session_applications_decide(slug: str) -> ResponseReturnValue:
    """Check who is told what, then accept, put in reserve or decline all that are chosen, or nobody."""
    club_session = desk_sessions.one(slug) or abort(404)
    form, step = DecisionForm(time_zone=club_session.time_zone), request.form.get("step", "check")
    if step == "change" or not form.validate() or form.verdict is None:
        return _show(club_session, form)
    decision = form.decision(form.verdict)
    if step == "check":
        chosen = desk_applications.chosen(slug, form.tokens)
        return render_template("admin/applications_check.html", session=club_session, form=form, decision=decision, chosen=chosen)
    try:
        told = service.decide(slug, decision, viewer.actor(), once=form.once.data)
    except Refusal as refusal:
        form.refuse(refusal)
        return _show(club_session, form)
    flash(_done(form.verdict, told))
    return redirect(url_for("admin.session_applications", slug=slug), 303)


def _show(club_session: SessionLine, form: DecisionForm) -> ResponseReturnValue:
    text, status = request.values.get("q", "").strip()[:LONGEST_SEARCH], request.values.get("status", "")
    wanted = RegistrationStatus(status) if status in set(RegistrationStatus) else None
    page = desk_applications.of_session(club_session.slug, text, wanted, page_number())
    shown = render_template(
        "admin/applications.html", session=club_session, page=page, form=form, text=text, wanted=wanted,
        statuses=desk_applications.IN_ORDER,
    )  # fmt: skip
    return shown, form.http_status


def _done(verdict: Verdict, told: int) -> str:
    match verdict:
        case Verdict.ACCEPT:
            return ngettext("%(num)s person is accepted and told.", "%(num)s people are accepted and told.", told)
        case Verdict.RESERVE:
            return ngettext("%(num)s person is in reserve and told.", "%(num)s people are in reserve and told.", told)
    return ngettext("%(num)s person is declined and told.", "%(num)s people are declined and told.", told)
