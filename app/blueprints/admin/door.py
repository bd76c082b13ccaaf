"""The door of one session, on a phone: who is expected, who is in, tick in and undo; a sheet to print, and its codes afterwards.

Everything works without JavaScript; a look changes nothing, whatever link or code led to it.
"""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_wtf import FlaskForm
from govuk_frontend_wtf.wtforms_widgets import GovTextArea
from wtforms import TextAreaField

from ... import clock
from ...queries import desk_door
from ...queries.desk_door import DoorSession, Show
from ...rules.refusals import InvalidInput, Refusal
from ...rules.statuses import Role
from ...security import may, staff_only
from ...services import door as door_service
from ...services.door import FromSheet
from ...templating import clock_time, refusal_text
from .. import viewer
from . import bp
from .paging import page_number

LONGEST_SEARCH = 200
LONGEST_LIST = 20_000
NAMED = 10
"""How many codes a message names before it counts the rest: it travels in a cookie."""


class CodesForm(FlaskForm):
    """The codes of a sheet of paper, typed or pasted."""

    codes = TextAreaField(
        lazy_gettext("Codes"),
        description=lazy_gettext("The six characters beside each name. One on each line, or with spaces between."),
        widget=GovTextArea(),
    )


@bp.get("/sessions/<slug:slug>/door")
@staff_only(Role.DESK)
def door(slug: str) -> ResponseReturnValue:
    """Who comes in; ``?q=`` searches by name, e-mail or code, ``?show=`` picks a list, ``?last=`` is who was ticked."""
    session, show = _session(slug), _show(request.args.get("show", ""))
    text, last = request.args.get("q", "").strip()[:LONGEST_SEARCH], door_service.as_code(request.args.get("last", "")[:20])
    return render_template(
        "admin/door.html",
        session=session,
        page=desk_door.lines(slug, show, text, page_number(), by_email=True),
        show=show,
        text=text,
        last=desk_door.line(slug, last) if last else None,
        to_call=[] if may(Role.STAFF) else desk_door.who_takes_cash(),
    )


@bp.post("/sessions/<slug:slug>/door/tick-in")
@staff_only(Role.DESK)
def door_tick_in(slug: str) -> ResponseReturnValue:
    """Tick a booking in, all its places at once. Twice is no mistake: the second is told since when."""
    session, reference = _session(slug), door_service.as_code(request.form.get("reference", "")[:20])
    try:
        done = door_service.tick_in(slug, reference, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
        return redirect(url_for("admin.door", slug=slug, q=reference), 303)
    said = {"name": done.name, "time": clock_time(done.at, session.time_zone)}
    flash(_("%(name)s: already in at %(time)s.", **said) if done.already else _("%(name)s is in.", **said))
    return _back(slug, reference)


@bp.post("/sessions/<slug:slug>/door/undo")
@staff_only(Role.DESK)
def door_undo(slug: str) -> ResponseReturnValue:
    """Take a tick back, without a question: it is on the record, and ticking in again is one tap."""
    reference = door_service.as_code(request.form.get("reference", "")[:20])
    try:
        name = door_service.undo(slug, reference, viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
        return redirect(url_for("admin.door", slug=slug), 303)
    flash(_("%(name)s is not in any more.", name=name))
    return _back(slug, reference)


@bp.get("/sessions/<slug:slug>/door/sheet")
@staff_only(Role.DESK)
def door_sheet(slug: str) -> ResponseReturnValue:
    """For paper, when there is no signal: names, codes and boxes to tick."""
    coming, waiting = desk_door.sheet(slug)
    return render_template("admin/door_sheet.html", session=_session(slug), coming=coming, waiting=waiting, now=clock.now())


@bp.route("/sessions/<slug:slug>/door/codes", methods=["GET", "POST"])
@staff_only(Role.DESK)
def door_codes(slug: str) -> ResponseReturnValue:
    """Afterwards: the codes that were ticked on paper. What could not be used stays in the form; the rest is done."""
    session, form, done = _session(slug), CodesForm(), None
    if form.validate_on_submit():
        try:
            done = door_service.tick_in_codes(slug, (form.codes.data or "")[:LONGEST_LIST], viewer.actor())
        except InvalidInput as refusal:
            form.codes.errors = [refusal_text(refusal)]
        else:
            if not done.unknown and not done.not_registered:
                flash(_told(done, session))
                return redirect(url_for("admin.door", slug=slug, show=Show.IN), 303)
            form.codes.data = "\n".join([*done.unknown, *done.not_registered])
            form.codes.errors = [_("Check these: they could not be ticked in")]
    told = _told(done, session) if done else ""
    page = render_template("admin/door_codes.html", session=session, form=form, done=done, told=told)
    return page, 422 if form.errors else 200


def _session(slug: str) -> DoorSession:
    return desk_door.session(slug) or abort(404)


def _show(wanted: str) -> Show:
    return Show(wanted) if wanted in set(Show) else Show.TO_COME


def _back(slug: str, reference: str) -> ResponseReturnValue:
    """To the list that the button was on, with this booking on top and the search empty for the next person."""
    return redirect(url_for("admin.door", slug=slug, show=_show(request.form.get("show", "")), last=reference), 303)


def _told(done: FromSheet, session: DoorSession) -> str:
    """What came of the codes, in a sentence or two."""
    said = [ngettext("%(num)s booking was ticked in", "%(num)s bookings were ticked in", len(done.ticked_in))]
    said[0] += " " + ngettext("(%(num)s place).", "(%(num)s places).", done.places)
    if done.already:
        zone = session.time_zone
        named = [_("%(code)s at %(time)s", code=code, time=clock_time(at, zone)) for code, at in done.already[:NAMED]]
        more = len(done.already) - len(named)
        said.append(_("Already in: %(codes)s", codes=", ".join(named)) + (f", +{more}." if more else "."))
    return " ".join(said)
