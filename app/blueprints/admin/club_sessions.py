"""The desk's sessions: the list with places and money, and the form that makes and changes one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...config import current_settings
from ...queries import desk_series, desk_sessions
from ...queries.desk_sessions import SessionRecord
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import changed_sessions, club_sessions
from ...services.club_session_fields import ClubSessionFields, FieldsRefused
from .. import viewer
from ..session_form import ClubSessionForm
from ..session_words import show_warnings
from . import bp
from .paging import page_number
from .session_action_forms import typed_again


@bp.get("/sessions")
@staff_only(Role.DESK)
def sessions() -> ResponseReturnValue:
    """Sessions to come with drafts, or with ``?show=past`` those that are over or cancelled."""
    show = "past" if request.args.get("show") == "past" else "coming"
    read = desk_sessions.past if show == "past" else desk_sessions.coming
    return render_template("admin/sessions.html", page=read(clock.now(), page_number()), by_day=desk_sessions.by_day, show=show)


@bp.route("/sessions/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_new() -> ResponseReturnValue:
    """Make a session. What cannot be used comes back with the reason, and with all that was typed."""
    settings = current_settings()
    form = ClubSessionForm(time_zone=settings.time_zone, currency=settings.currency)
    if request.method == "POST" and form.validate() and form.fields is not None:
        try:
            slug = club_sessions.create(form.fields, viewer.actor())
        except (Refusal, FieldsRefused) as refusal:
            form.refuse(refusal)
        else:
            flash(_("The session is saved."))
            show_warnings(form.fields)
            return redirect(url_for("admin.session_registrations", slug=slug), 303)
    return render_template("admin/session_form.html", form=form, record=None, following=0), form.http_status


@bp.route("/sessions/<slug:slug>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def session_edit(slug: str) -> ResponseReturnValue:
    """Change a session; nobody loses a place by it. A new time or place is shown with how many are told of it first."""
    record = desk_sessions.record(slug) or abort(404)
    form = ClubSessionForm.of(record)
    if request.method == "POST" and "change" not in request.form and form.validate() and form.fields is not None:
        try:
            changes = club_sessions.plan(slug, form.fields, seen=form.seen.data)
            told = changed_sessions.who_is_told([slug], changes)
            if told.total and request.form.get("confirm") != _just_this(changes):
                return _check(record, form.fields, told, _just_this(changes))
            slug = club_sessions.edit(slug, form.fields, viewer.actor(), seen=form.seen.data)
        except (Refusal, FieldsRefused) as refusal:
            form.refuse(refusal)
        else:
            flash(_("The changes are saved."))
            show_warnings(form.fields)
            return redirect(url_for("admin.session_registrations", slug=slug), 303)
    following = desk_series.following(record.slug, clock.now())
    return render_template("admin/session_form.html", form=form, record=record, following=following), form.http_status


def _check(record: SessionRecord, after: ClubSessionFields, told: changed_sessions.Told, confirm: str) -> str:
    return render_template(
        "admin/session_change_check.html", record=record, after=after, told=told, confirm=confirm, typed=typed_again()
    )


def _just_this(changes: Mapping[str, Any]) -> str:
    """What was confirmed: this time and place, and no other."""
    named = sorted((name, str(changes[name])) for name in changed_sessions.WHEN_AND_WHERE & changes.keys())
    return hashlib.sha256(repr(named).encode()).hexdigest()[:32]
