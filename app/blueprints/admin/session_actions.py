"""The desk's actions on a session: copy it, repeat it weekly, publish, take back, complete, change it and what follows it.

What makes or changes several sessions lists them first; the button on that page does just what was listed.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, ngettext
from flask_babel import gettext as _

from ... import clock
from ...queries import club_sessions, desk_series, desk_sessions
from ...queries.desk_sessions import SessionRecord
from ...rules.refusals import Refusal
from ...rules.statuses import Role, SessionStatus
from ...security import staff_only
from ...services import changed_sessions, club_session_actions, repeating, series_edits
from ...services.club_session_fields import FieldsRefused
from ...templating import refusal_text
from .. import viewer
from ..session_form import ClubSessionForm
from ..session_words import CHANGES, show_warnings
from . import bp
from .session_action_forms import DuplicateForm, RepeatForm, typed_again


@bp.route("/sessions/<slug:slug>/duplicate", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_duplicate(slug: str) -> ResponseReturnValue:
    """Copy a session to another day, as a draft."""
    record, form = _record(slug), DuplicateForm()
    if form.validate_on_submit():
        try:
            made = club_session_actions.duplicate(slug, form.on.data, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            flash(_("This is the copy, as a draft. Look it over and publish it when it is ready."))
            return redirect(url_for("admin.session_registrations", slug=made), 303)
    return render_template("admin/session_duplicate.html", record=record, form=form), form.http_status


@bp.route("/sessions/<slug:slug>/repeat", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_repeat(slug: str) -> ResponseReturnValue:
    """Repeat a session weekly: asked, then listed, then done."""
    record, form = _record(slug), RepeatForm()
    if "change" not in request.form and form.validate_on_submit():
        try:
            plan, confirmed = repeating.plan(slug, form.wish), request.form.get("confirm")
            if confirmed != plan.fingerprint:
                return _repeat_check(record, plan, form, is_another=confirmed is not None)
            made = repeating.repeat_weekly(slug, form.wish, viewer.actor(), seen=confirmed)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            flash(ngettext("%(num)s session was made.", "%(num)s sessions were made.", len(made)))
            return redirect(url_for("admin.session_series", slug=slug), 303)
    return render_template("admin/session_repeat.html", record=record, form=form), form.http_status


@bp.get("/sessions/<slug:slug>/series")
@staff_only(Role.DESK)
def session_series(slug: str) -> ResponseReturnValue:
    """The sessions that were repeated from one another."""
    lines = desk_series.of(slug) or abort(404)
    now = clock.now()
    drafts = sum(line.status is SessionStatus.DRAFT and line.starts_at > now for line in lines)
    return render_template("admin/session_series.html", lines=lines, slug=slug, drafts=drafts)


@bp.post("/sessions/<slug:slug>/series/publish")
@staff_only(Role.STAFF)
def session_series_publish(slug: str) -> ResponseReturnValue:
    """Publish every draft of the series that is still to come."""

    def act() -> str:
        count = club_session_actions.publish_series(slug, viewer.actor())
        return ngettext("%(num)s session is published.", "%(num)s sessions are published.", count)

    return _done(act, url_for("admin.session_series", slug=slug))


@bp.get("/sessions/<slug:slug>/preview")
@staff_only(Role.STAFF)
def session_preview(slug: str) -> ResponseReturnValue:
    """The public page of a draft as it would look; nobody but staff sees it."""
    now = clock.now()
    page = club_sessions.preview(slug, now) or abort(404)
    return render_template("public/session.html", page=page, now=now, preview=True)


@bp.post("/sessions/<slug:slug>/publish")
@staff_only(Role.STAFF)
def session_publish(slug: str) -> ResponseReturnValue:
    """Show a draft to everybody."""

    def act() -> str:
        club_session_actions.publish(slug, viewer.actor())
        return _("The session is published: everybody can see it.")

    return _done(act, url_for("admin.session_registrations", slug=slug))


@bp.post("/sessions/<slug:slug>/unpublish")
@staff_only(Role.STAFF)
def session_unpublish(slug: str) -> ResponseReturnValue:
    """Make a session a draft again, while nobody is in it."""

    def act() -> str:
        club_session_actions.unpublish(slug, viewer.actor())
        return _("The session is a draft again: only the committee can see it.")

    return _done(act, url_for("admin.session_registrations", slug=slug))


@bp.route("/sessions/<slug:slug>/complete", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_complete(slug: str) -> ResponseReturnValue:
    """Say that a session is over, after a page that says that this is for good."""
    line = desk_sessions.one(slug) or abort(404)
    back = url_for("admin.session_registrations", slug=slug)
    if request.method == "GET":
        return render_template("admin/session_complete.html", line=line, back=back)

    def act() -> str:
        club_session_actions.complete(slug, viewer.actor())
        return _("The session is completed.")

    return _done(act, back)


@bp.post("/sessions/<slug:slug>/edit/following")
@staff_only(Role.STAFF)
def session_edit_following(slug: str) -> ResponseReturnValue:
    """Change a session and those that follow it: listed first, then done."""
    record = _record(slug)
    form = ClubSessionForm.of(record)
    if "change" not in request.form and form.validate() and form.fields is not None:
        try:
            plan = series_edits.plan(slug, form.fields, seen=form.seen.data)
            confirmed = request.form.get("confirm")
            if confirmed != plan.fingerprint:
                return _following_check(record, plan, is_another=confirmed is not None)
            series_edits.edit_following(slug, form.fields, viewer.actor(), seen=form.seen.data, confirmed=confirmed)
        except (Refusal, FieldsRefused) as refusal:
            form.refuse(refusal)
        else:
            flash(ngettext("%(num)s session is changed.", "%(num)s sessions are changed.", len(plan.lines)))
            show_warnings(form.fields)
            return redirect(url_for("admin.session_series", slug=form.fields.slug or slug), 303)
    following = desk_series.following(slug, clock.now())
    return render_template("admin/session_form.html", form=form, record=record, following=following), form.http_status


def _record(slug: str) -> SessionRecord:
    return desk_sessions.record(slug) or abort(404)


def _repeat_check(record: SessionRecord, plan: repeating.Plan, form: RepeatForm, *, is_another: bool) -> ResponseReturnValue:
    page = render_template(
        "admin/session_repeat_check.html",
        record=record, plan=plan, typed=typed_again(), status=form.wish.status, is_another=is_another,
        strangers=[format_date(on, "full") for on in plan.strangers],
    )  # fmt: skip
    return page, 409 if is_another else 200


def _following_check(record: SessionRecord, plan: series_edits.Plan, *, is_another: bool) -> ResponseReturnValue:
    changed = [str(CHANGES[name]) for name in CHANGES if name in plan.changed]
    page = render_template(
        "admin/session_following_check.html",
        record=record, plan=plan, typed=typed_again(), changed=list(dict.fromkeys(changed)), is_another=is_another,
        told=changed_sessions.who_is_told(plan.slugs, plan.changed),
    )  # fmt: skip
    return page, 409 if is_another else 200


def _done(act: Callable[[], str], back: str) -> ResponseReturnValue:
    """Do it, and say on the page it was started from what came of it."""
    try:
        flash(act())
    except Refusal as refusal:
        if refusal.status == 404:
            abort(404)
        flash(refusal_text(refusal))
    return redirect(back, 303)
