"""A host's own sessions: draft, edit, pay to publish, see where each stands. Everybody else's are not found."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from ...config import current_settings
from ...queries import desk_sessions, hosting
from ...rules.refusals import Refusal
from ...security import signed_in
from ...services import checkout
from ...services import hosting as service
from ...services.club_session_fields import FieldsRefused
from .. import typed_codes, viewer
from . import bp, people
from .forms import FeeForm, HostedForm
from .showing import fee_of, hosted_by_me, show

__all__ = ["bp", "people"]


@bp.get("")
@signed_in
def sessions() -> ResponseReturnValue:
    """Every session that this person hosts or helps with."""
    return render_template("host/sessions.html", sessions=hosting.of_person(current_user.user_id))


@bp.route("/new", methods=["GET", "POST"])
@signed_in
def new() -> ResponseReturnValue:
    """Draft a session. What cannot be used comes back with the reason, and with all that was typed."""
    settings = current_settings()
    form = HostedForm(time_zone=settings.time_zone, currency=settings.currency)
    if request.method == "POST" and form.validate() and form.fields is not None:
        try:
            slug = service.draft(form.fields, current_user.user_id)
        except (Refusal, FieldsRefused) as refusal:
            form.refuse(refusal)
        else:
            flash(_("The draft is saved. Nobody else can see it yet."))
            return redirect(url_for("host.session", slug=slug), 303)
    return render_template("host/form.html", form=form, hosted=None), form.http_status


@bp.get("/<slug:slug>")
@signed_in
def session(slug: str) -> ResponseReturnValue:
    """Where the session stands, and what comes next."""
    hosted = hosted_by_me(slug)
    return show(hosted)


@bp.route("/<slug:slug>/edit", methods=["GET", "POST"])
@signed_in
def edit(slug: str) -> ResponseReturnValue:
    """Change what a host decides; nobody loses a place by it."""
    hosted, record = hosted_by_me(slug), desk_sessions.record(slug) or abort(404)
    form = HostedForm.of(record)
    if request.method == "POST" and form.validate() and form.fields is not None:
        try:
            service.edit(slug, form.fields, current_user.user_id, seen=form.seen.data)
        except (Refusal, FieldsRefused) as refusal:
            form.refuse(refusal)
        else:
            flash(_("The changes are saved."))
            return redirect(url_for("host.session", slug=slug), 303)
    return render_template("host/form.html", form=form, hosted=hosted), form.http_status


@bp.post("/<slug:slug>/pay")
@signed_in
@typed_codes.trying_codes
def pay(slug: str) -> ResponseReturnValue:
    """Pay the listing fee at Stripe, or publish at once where nothing is to pay."""
    hosted, form = hosted_by_me(slug), FeeForm()
    if not form.validate():
        return show(hosted, form=form, status=422)
    try:
        going = checkout.begin_listing(slug, fee_of(form))
    except Refusal as refusal:
        return show(hosted, refusal, form=form)
    viewer.remember_order(going.order_token)
    return redirect(going.url, 303)


@bp.post("/<slug:slug>/code")
@signed_in
@typed_codes.trying_codes
def code(slug: str) -> ResponseReturnValue:
    """What the fee is with the code that was typed. Changes nothing."""
    hosted, form = hosted_by_me(slug), FeeForm()
    return show(hosted, form=form, status=200 if form.validate() else 422)
