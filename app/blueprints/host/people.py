"""Who comes to a hosted session, ticked in at the door, and who helps the host. For hosts and co-hosts of that session alone."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from ...queries import desk_door, hosting
from ...queries.desk_door import Show
from ...rules.refusals import Refusal
from ...security import signed_in
from ...services import door, host_roles
from ...templating import refusal_text
from .. import viewer
from . import bp
from .forms import InviteForm
from .showing import hosted_by_me, show

LONGEST_SEARCH, HIGHEST = 200, 1_000_000


@bp.get("/<slug:slug>/registrations")
@signed_in
def registrations(slug: str) -> ResponseReturnValue:
    """Who is expected and who is in; ``?q=`` searches by name or code, ``?show=`` picks a list."""
    hosted_by_me(slug)
    text, asked = request.args.get("q", "").strip()[:LONGEST_SEARCH], request.args.get("show", "")
    show = Show(asked) if asked in set(Show) else Show.TO_COME
    number = min(max(1, request.args.get("page", 1, type=int)), HIGHEST)
    return render_template(
        "host/registrations.html", session=desk_door.session(slug) or abort(404), page=desk_door.lines(slug, show, text, number),
        show=show, text=text,
    )  # fmt: skip


@bp.post("/<slug:slug>/tick-in")
@signed_in
def tick_in(slug: str) -> ResponseReturnValue:
    """Tick a booking in, all its places at once. Twice is no mistake."""
    hosted_by_me(slug)
    try:
        done = door.tick_in(slug, door.as_code(request.form.get("reference", "")[:20]), viewer.actor())
    except Refusal as refusal:
        flash(refusal_text(refusal))
    else:
        said = gettext("%(name)s was in already.", name=done.name)
        flash(said if done.already else gettext("%(name)s is in.", name=done.name))
    return redirect(url_for("host.registrations", slug=slug), 303)


@bp.post("/<slug:slug>/undo")
@signed_in
def undo(slug: str) -> ResponseReturnValue:
    """Take a tick back; it is on the record, and ticking in again is one tap."""
    hosted_by_me(slug)
    try:
        name = door.undo(slug, door.as_code(request.form.get("reference", "")[:20]), viewer.actor())
        flash(gettext("%(name)s is not in.", name=name))
    except Refusal as refusal:
        flash(refusal_text(refusal))
    return redirect(url_for("host.registrations", slug=slug, show=Show.IN.value), 303)


@bp.post("/<slug:slug>/co-hosts")
@signed_in
def invite(slug: str) -> ResponseReturnValue:
    """Ask somebody to help. Whether the address has an account is not told; one that cannot be asked comes back as typed."""
    hosted, form = hosted_by_me(slug), InviteForm()
    if not hosted.is_host:
        abort(404)
    try:
        email = host_roles.invite(slug, form.email.data or "", current_user.user_id)
    except Refusal as refusal:
        form.email.errors = [refusal_text(refusal)]
        return show(hosted, invite=form, status=refusal.status)
    flash(gettext("If %(email)s has an account here, we have written to it. They help once they say yes.", email=email))
    return redirect(url_for("host.session", slug=slug), 303)


@bp.post("/<slug:slug>/co-hosts/<int:role_id>/remove")
@signed_in
def remove(slug: str, role_id: int) -> ResponseReturnValue:
    """End a co-host's part, or take an invitation back."""
    if not hosted_by_me(slug).is_host:
        abort(404)
    host_roles.remove(slug, role_id, current_user.user_id)
    flash(gettext("They can no longer see or change this session."))
    return redirect(url_for("host.session", slug=slug), 303)


@bp.route("/invitations/<token:token>", methods=["GET", "POST"])
@signed_in
def invitation(token: str) -> ResponseReturnValue:
    """What somebody is asked to help with; yes by a button, because mail scanners follow links."""
    asked = hosting.invitation(token, current_user.user_id) or abort(404)
    if request.method == "POST":
        slug = host_roles.accept(token, current_user.user_id)
        flash(gettext("You help with this session now."))
        return redirect(url_for("host.session", slug=slug), 303)
    if asked.accepted:
        return redirect(url_for("host.session", slug=asked.slug), 303)
    return render_template("host/invitation.html", asked=asked, token=token)
