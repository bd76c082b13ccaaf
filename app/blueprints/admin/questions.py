"""The desk's page of a session's own questions: add, change, reorder and remove them, and give them to the rest of a series."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ... import clock
from ...queries import desk_series, desk_sessions
from ...queries import questions as queries
from ...rules.refusals import Refusal
from ...rules.statuses import Role
from ...security import staff_only
from ...services import questions as service
from ...templating import refusal_text
from .. import viewer
from . import bp
from .question_forms import QuestionForm


@bp.get("/sessions/<slug:slug>/questions")
@staff_only(Role.STAFF)
def session_questions(slug: str) -> ResponseReturnValue:
    """What the session asks, in order, with how many have answered."""
    record = desk_sessions.record(slug) or abort(404)
    asked, bookings = queries.for_desk(slug)
    following = desk_series.following(slug, clock.now()) if asked else 0
    return render_template("admin/questions.html", record=record, asked=asked, bookings=bookings, following=following)


@bp.route("/sessions/<slug:slug>/questions/new", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def question_new(slug: str) -> ResponseReturnValue:
    """Ask one thing more."""
    record, form = desk_sessions.record(slug) or abort(404), QuestionForm()
    if form.validate_on_submit():
        try:
            service.add(slug, form.key.data, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _back(slug, _("The question is added. It is asked from now on."))
    return render_template("admin/question_form.html", record=record, form=form, question=None), form.http_status


@bp.route("/sessions/<slug:slug>/questions/<slug:key>/edit", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def question_edit(slug: str, key: str) -> ResponseReturnValue:
    """Ask it differently from now on."""
    record = desk_sessions.record(slug) or abort(404)
    one = queries.find(queries.for_desk(slug)[0], key) or abort(404)
    form = QuestionForm.of(one.question)
    if form.validate_on_submit():
        try:
            service.edit(slug, key, form.fields, viewer.actor())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            return _back(slug, _("The question is changed."))
    return render_template("admin/question_form.html", record=record, form=form, question=one), form.http_status


@bp.post("/sessions/<slug:slug>/questions/<slug:key>/move")
@staff_only(Role.STAFF)
def question_move(slug: str, key: str) -> ResponseReturnValue:
    """Ask it one place earlier or later."""

    def act() -> str:
        service.move(slug, key, request.form.get("to") == "up", viewer.actor())
        return str(_("The order is changed."))

    return _done(slug, act)


@bp.route("/sessions/<slug:slug>/questions/<slug:key>/remove", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def question_remove(slug: str, key: str) -> ResponseReturnValue:
    """Ask it no more, after a page that says what becomes of the answers."""
    if request.method == "GET":
        record = desk_sessions.record(slug) or abort(404)
        one = queries.find(queries.for_desk(slug)[0], key) or abort(404)
        return render_template("admin/question_remove.html", record=record, one=one)

    def act() -> str:
        service.remove(slug, key, viewer.actor())
        return str(_("The question is removed. What was answered stays on the bookings."))

    return _done(slug, act)


@bp.post("/sessions/<slug:slug>/questions/give")
@staff_only(Role.STAFF)
def questions_give(slug: str) -> ResponseReturnValue:
    """Let the sessions of the series after this one ask the same."""

    def act() -> str:
        count = service.give_to_following(slug, viewer.actor())
        return str(ngettext("%(num)s session asks the same now.", "%(num)s sessions ask the same now.", count))

    return _done(slug, act)


def _done(slug: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Do it, and say on the list what came of it."""
    try:
        return _back(slug, act())
    except Refusal as refusal:
        if refusal.status == 404:
            abort(404)
        return _back(slug, refusal_text(refusal))


def _back(slug: str, words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("admin.session_questions", slug=slug), 303)
