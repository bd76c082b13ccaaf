"""A host's own sessions: draft, edit, pay to publish, see where each stands. Everybody else's are not found."""

from __future__ import annotations

import re
import secrets

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from ...config import current_settings
from ...queries import desk_sessions, hosting
from ...queries.hosting import HostedSession
from ...rules.refusals import Refusal
from ...security import signed_in
from ...services import checkout
from ...services import hosting as service
from ...services.club_session_fields import FieldsRefused
from .. import viewer
from ..session_form import ClubSessionForm
from . import bp, people

__all__ = ["bp", "people"]
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


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
    form = ClubSessionForm(time_zone=settings.time_zone, currency=settings.currency)
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
    hosted = _hosted(slug)
    return _show(hosted)


@bp.route("/<slug:slug>/edit", methods=["GET", "POST"])
@signed_in
def edit(slug: str) -> ResponseReturnValue:
    """Change what a host decides; nobody loses a place by it."""
    hosted, record = _hosted(slug), desk_sessions.record(slug) or abort(404)
    form = ClubSessionForm.of(record)
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
def pay(slug: str) -> ResponseReturnValue:
    """Pay the listing fee at Stripe, or publish at once where there is none."""
    hosted, attempt = _hosted(slug), request.form.get("attempt", "")
    key = attempt if KEY.fullmatch(attempt) else secrets.token_urlsafe(18)
    try:
        going = checkout.begin_listing(slug, key, current_user.user_id, current_user.name, current_user.email)
    except Refusal as refusal:
        return _show(hosted, refusal)
    viewer.remember_order(going.order_token)
    return redirect(going.url, 303)


def _hosted(slug: str) -> HostedSession:
    return hosting.one(slug, current_user.user_id) or abort(404)


def _show(hosted: HostedSession, refusal: Refusal | None = None) -> ResponseReturnValue:
    settings = current_settings()
    page = render_template(
        "host/session.html", hosted=hosted, refusal=refusal, fees=hosting.fees(hosted.id), co_hosts=hosting.co_hosts(hosted.id),
        fee_cents=settings.listing_fee_cents, currency=settings.currency, reviewed=settings.listing_review,
        attempt=secrets.token_urlsafe(18), invite=people.InviteForm(formdata=None),
    )  # fmt: skip
    return page, refusal.status if refusal is not None else 200
